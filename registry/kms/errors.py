"""Errors as KMS's exceptions, in KMS's words.

Source: KMS API reference, the "Errors" of each operation; KMS Developer Guide, "Key states".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.aws.errors import ServiceError
from registry.aws.policy import PolicyInvalid
from registry.keys.ring import KeyState
from registry.values import errors

if TYPE_CHECKING:
    from registry.keys.ring import MasterKey

CODES: tuple[tuple[type[errors.MoorageError], str], ...] = (
    (errors.KeyNotFound, "NotFoundException"),
    (errors.Damaged, "InvalidCiphertextException"),
    (errors.LimitExceeded, "LimitExceededException"),
    (errors.Conflict, "KMSInvalidStateException"),
    (errors.ParameterInvalid, "ValidationException"),
)


def service_error(error: Exception) -> ServiceError | None:
    """The exception that KMS's model has for it, if any."""
    if isinstance(error, PolicyInvalid):
        return ServiceError("MalformedPolicyDocumentException", str(error))
    if isinstance(error, errors.KeyUnavailable):
        return ServiceError("KMSInternalException", str(error), 500, "Receiver")
    for kind, code in CODES:
        if isinstance(error, kind):
            return ServiceError(code, str(error))
    return None


def not_pending(key: MasterKey) -> MasterKey:
    """The key. Raises KMSInvalidStateException while its deletion is pending."""
    if key.state is KeyState.PENDING_DELETION:
        raise ServiceError("KMSInvalidStateException", f"{key.arn} is pending deletion.")
    return key


def usable(key: MasterKey) -> MasterKey:
    """The key. Raises DisabledException, KMSInvalidStateException unless it is enabled."""
    if key.state is KeyState.DISABLED:
        raise ServiceError("DisabledException", f"{key.arn} is disabled.")
    return not_pending(key)


def unsupported(what: str) -> ServiceError:
    """For what AWS has and this server has not."""
    return ServiceError("UnsupportedOperationException", f"This server has no {what}.")


def would_succeed(*, dry_run: bool | None) -> None:
    """Raise DryRunOperationException if that is what was asked for."""
    if dry_run:
        message = "The request would have succeeded, but the DryRun option is set."
        raise ServiceError("DryRunOperationException", message)
