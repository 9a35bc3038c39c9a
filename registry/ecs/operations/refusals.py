"""The operations of ECS's model that this server does not offer, each with an error that says so.

Source: ECS API reference; each operation's own list of errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.aws.errors import ServiceError
from registry.ecs.service import ecs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WHY: Mapping[str, Sequence[str]] = {
    "This server has no daemons: run a service on every instance instead.": (
        "CreateDaemon",
        "DeleteDaemon",
        "DeleteDaemonTaskDefinition",
        "DescribeDaemon",
        "DescribeDaemonDeployments",
        "DescribeDaemonRevisions",
        "DescribeDaemonTaskDefinition",
        "ListDaemonDeployments",
        "ListDaemonTaskDefinitions",
        "ListDaemons",
        "RegisterDaemonTaskDefinition",
        "UpdateDaemon",
    ),
    "This server has no Express Mode: create a service with CreateService instead.": (
        "CreateExpressGatewayService",
        "DeleteExpressGatewayService",
        "DescribeExpressGatewayService",
        "UpdateExpressGatewayService",
    ),
    "This server has no gateways.": (
        "AssociateGatewayWithCluster",
        "CreateGateway",
        "DeleteGateway",
        "DescribeGateway",
        "DescribeGatewayResources",
        "DescribeGatewayRoute",
        "DisassociateGatewayFromCluster",
        "ListGatewayClusterAssociations",
        "ListGatewayRoutes",
        "ListGateways",
        "UpdateGateway",
    ),
    "This server has no task sets: its services have the deployment controller ECS.": (
        "CreateTaskSet",
        "DeleteTaskSet",
        "DescribeTaskSets",
        "UpdateServicePrimaryTaskSet",
        "UpdateTaskSet",
    ),
    "This server's agent is a part of it: there is no update available for it alone.": (
        "UpdateContainerAgent",
    ),
    "This server takes no agents of other machines: nothing can be polled or told.": (
        "DiscoverPollEndpoint",
        "SubmitAttachmentStateChanges",
        "SubmitContainerStateChange",
        "SubmitTaskStateChange",
    ),
    "This server's capacity providers are FARGATE and FARGATE_SPOT: it has no others.": (
        "CreateCapacityProvider",
        "DeleteCapacityProvider",
        "DescribeCapacityProviders",
        "UpdateCapacityProvider",
    ),
}
_CODES = ("NoUpdateAvailableException", "UnsupportedFeatureException", "ClientException")
"""The first of these that the operation documents is its error."""


def _error(operation: str, message: str) -> ServiceError:
    documented = {shape.name for shape in ecs.model.operation_model(operation).error_shapes}
    return ServiceError(next(code for code in _CODES if code in documented), message)


REFUSED: Mapping[str, ServiceError] = {
    operation: _error(operation, message)
    for message, operations in _WHY.items()
    for operation in operations
}
"""By operation."""
