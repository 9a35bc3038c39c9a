"""Errors as Systems Manager's exceptions.

Source: Systems Manager API reference, the "Errors" of each operation on parameters.
"""

from __future__ import annotations

from registry.aws.errors import ServiceError
from registry.domain.parameters import errors as own
from registry.values import errors

CODES: tuple[tuple[type[errors.MoorageError], str], ...] = (
    (own.ParameterNotFound, "ParameterNotFound"),
    (own.ParameterVersionNotFound, "ParameterVersionNotFound"),
    (own.InvalidResourceId, "InvalidResourceId"),
    (own.ParameterAlreadyExists, "ParameterAlreadyExists"),
    (own.HierarchyTypeMismatch, "HierarchyTypeMismatchException"),
    (own.HierarchyLevelLimitExceeded, "HierarchyLevelLimitExceededException"),
    (own.ParameterMaxVersionLimitExceeded, "ParameterMaxVersionLimitExceeded"),
    (own.ParameterVersionLabelLimitExceeded, "ParameterVersionLabelLimitExceeded"),
    (own.TooManyTags, "TooManyTagsError"),
    (own.InvalidAllowedPattern, "InvalidAllowedPatternException"),
    (own.ParameterPatternMismatch, "ParameterPatternMismatchException"),
    (own.InvalidFilterKey, "InvalidFilterKey"),
    (own.InvalidFilterOption, "InvalidFilterOption"),
    (errors.KeyNotFound, "InvalidKeyId"),
    (errors.KeyUnavailable, "InvalidKeyId"),
    (errors.Invalid, "ValidationException"),
)


def service_error(error: Exception) -> ServiceError | None:
    """The exception that Systems Manager's model has for it, if any."""
    for kind, code in CODES:
        if isinstance(error, kind):
            return ServiceError(code, str(error))
    return None
