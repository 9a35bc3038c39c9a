"""ECS's exceptions, as they go over the wire.

Source: ECS API reference, "Errors" of each operation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.aws.errors import ServiceError
from registry.values.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.aws.constraints import Violation


def invalid(message: str) -> ServiceError:
    """InvalidParameterException."""
    return ServiceError("InvalidParameterException", message)


def client_error(message: str) -> ServiceError:
    """ClientException: what the caller asks for can't be, such as an id that nothing has."""
    return ServiceError("ClientException", message)


def cluster_not_found() -> ServiceError:
    """ClusterNotFoundException."""
    return ServiceError("ClusterNotFoundException", "Cluster not found.")


def cluster_inactive() -> ServiceError:
    """ClusterNotFoundException, of a cluster that was deleted."""
    return ServiceError("ClusterNotFoundException", "The referenced cluster was inactive.")


def service_not_found() -> ServiceError:
    """ServiceNotFoundException."""
    return ServiceError("ServiceNotFoundException", "Service not found.")


def service_not_active() -> ServiceError:
    """ServiceNotActiveException."""
    return ServiceError("ServiceNotActiveException", "Service was not ACTIVE.")


def not_found(message: str = "The specified resource was not found.") -> ServiceError:
    """ResourceNotFoundException."""
    return ServiceError("ResourceNotFoundException", message)


def unsupported(message: str) -> ServiceError:
    """UnsupportedFeatureException."""
    return ServiceError("UnsupportedFeatureException", message)


def invalid_input(found: Sequence[Violation]) -> ServiceError:
    """InvalidParameterException, of an input that fails the model's constraints."""
    count = "1 validation error" if len(found) == 1 else f"{len(found)} validation errors"
    return invalid(f"{count} detected: {'; '.join(map(str, found))}")


def service_error(error: Exception) -> ServiceError | None:
    """The exception for what the floors below raise, if any."""
    return invalid(str(error)) if isinstance(error, Invalid) else None
