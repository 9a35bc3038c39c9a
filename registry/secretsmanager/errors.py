"""Errors as Secrets Manager's exceptions.

Source: Secrets Manager API reference, the "Errors" of each operation.
"""

from __future__ import annotations

from registry.aws.errors import ServiceError
from registry.aws.policy import PolicyInvalid
from registry.domain.secrets import errors as own
from registry.values import errors

CODES: tuple[tuple[type[errors.MoorageError], str], ...] = (
    (own.SecretMissing, "ResourceNotFoundException"),
    (own.SecretDeleted, "InvalidRequestException"),
    (own.StageMismatch, "InvalidRequestException"),
    (own.SecretExists, "ResourceExistsException"),
    (own.StageInvalid, "InvalidParameterException"),
    (errors.LimitExceeded, "LimitExceededException"),
    (PolicyInvalid, "MalformedPolicyDocumentException"),
    (errors.KeyNotFound, "EncryptionFailure"),
    (errors.KeyUnavailable, "EncryptionFailure"),
    (errors.Damaged, "DecryptionFailure"),
    (errors.Invalid, "InvalidParameterException"),
)


def service_error(error: Exception) -> ServiceError | None:
    """The exception that Secrets Manager's model has for it, if any."""
    for kind, code in CODES:
        if isinstance(error, kind):
            return ServiceError(code, str(error))
    return None


def invalid_request(message: str) -> ServiceError:
    """A request that makes no sense as things are."""
    return ServiceError("InvalidRequestException", message)
