"""Errors as CloudWatch Logs' exceptions.

Source: CloudWatch Logs API reference, the "Errors" of each operation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.aws.constraints import validation_error
from registry.aws.errors import ServiceError
from registry.domain.logs.errors import TooManyTags
from registry.values import errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.aws.constraints import Violation

CODES: tuple[tuple[type[errors.MoorageError], str], ...] = (
    (errors.KeyNotFound, "InvalidParameterException"),
    (errors.KeyUnavailable, "InvalidParameterException"),
    (TooManyTags, "TooManyTagsException"),
    (errors.LimitExceeded, "LimitExceededException"),
    (errors.NotFound, "ResourceNotFoundException"),
    (errors.Conflict, "ResourceAlreadyExistsException"),
    (errors.Invalid, "InvalidParameterException"),
    (errors.Unavailable, "ServiceUnavailableException"),
)


def service_error(error: Exception) -> ServiceError | None:
    """The exception that the model of CloudWatch Logs has for it, if any."""
    for kind, code in CODES:
        if isinstance(error, kind):
            if code == "ServiceUnavailableException":
                return ServiceError(code, str(error), 503, "Receiver")
            return ServiceError(code, str(error))
    return None


def invalid(found: Sequence[Violation]) -> ServiceError:
    """The error of an input that fails constraints: the usual words, under a code of its own."""
    return ServiceError("InvalidParameterException", str(validation_error(found)))
