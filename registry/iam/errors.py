"""Domain errors as IAM's.

Source: IAM API reference, the "Errors" of each operation.
"""

from __future__ import annotations

from registry.aws.errors import ServiceError
from registry.values import errors

CODES: tuple[tuple[type[errors.MoorageError], str, int], ...] = (
    (errors.EntityNotFound, "NoSuchEntity", 404),
    (errors.EntityExists, "EntityAlreadyExists", 409),
    (errors.DeleteConflict, "DeleteConflict", 409),
    (errors.LimitExceeded, "LimitExceeded", 409),
    (errors.PolicyDocumentInvalid, "MalformedPolicyDocument", 400),
    (errors.Vanished, "ConcurrentModification", 409),
    (errors.Invalid, "InvalidInput", 400),
)


def service_error(error: Exception) -> ServiceError | None:
    """The error that IAM's model has for it, if any."""
    for kind_of_error, code, status in CODES:
        if isinstance(error, kind_of_error):
            return ServiceError(code, str(error), status)
    return None
