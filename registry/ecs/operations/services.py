"""ECS's operations on services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.service import ANY
from registry.ecs import arns
from registry.ecs.control import service_checks
from registry.ecs.control import tags as labels
from registry.ecs.control.service_rows import REPLICA
from registry.ecs.control.services import Wanted
from registry.ecs.errors import invalid
from registry.ecs.paging import page_size
from registry.ecs.service import ecs, in_cluster, scope_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_ecs.type_defs import (
        CapacityProviderStrategyItemTypeDef,
        DeploymentConfigurationTypeDef,
        DeploymentControllerTypeDef,
        GatewayConnectorTypeDef,
        LoadBalancerTypeDef,
        MonitoringConfigurationTypeDef,
        NetworkConfigurationTypeDef,
        PlacementConstraintTypeDef,
        PlacementStrategyTypeDef,
        ServiceConnectConfigurationTypeDef,
        ServiceRegistryTypeDef,
        ServiceVolumeConfigurationTypeDef,
        TagTypeDef,
        VpcLatticeConfigurationTypeDef,
    )

    from registry.aws.context import Context
    from registry.aws.pages import Pages
    from registry.ecs.control.services import Services

_DESCRIBED_MAX = 10
_PAGE = 10


def named_services(context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """ARNs of the services that `services`, `service` or `serviceName` names."""
    scope = scope_of(context)
    cluster = arns.cluster_name(scope, parameters.get("cluster"))
    one = parameters.get("service") or parameters.get("service_name")
    given = [one] if one else parameters.get("services") or ()
    return tuple(
        arns.service_arn(scope, cluster, arns.short_id(scope, each, "service")) for each in given
    )


def given_role(_context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """The role that a service hands to ECS, by the ARN."""
    role = parameters.get("role")
    return (role,) if role else ()


class ServiceOperations:
    """Create, update, delete, describe, list."""

    def __init__(self, services: Services, pages: Pages) -> None:
        self._services = services
        self._pages = pages

    @ecs.operation(
        resource=named_services,
        conditions=in_cluster,
        passes=given_role,
        passed_to="ecs.amazonaws.com",
    )
    def create_service(
        self,
        context: Context,
        *,
        service_name: str,
        cluster: str | None = None,
        task_definition: str | None = None,
        availability_zone_rebalancing: str | None = None,
        load_balancers: Sequence[LoadBalancerTypeDef] = (),
        service_registries: Sequence[ServiceRegistryTypeDef] = (),
        desired_count: int | None = None,
        client_token: str | None = None,
        launch_type: str | None = None,
        capacity_provider_strategy: Sequence[CapacityProviderStrategyItemTypeDef] | None = None,
        platform_version: str | None = None,
        role: str | None = None,
        deployment_configuration: DeploymentConfigurationTypeDef | None = None,
        placement_constraints: Sequence[PlacementConstraintTypeDef] = (),
        placement_strategy: Sequence[PlacementStrategyTypeDef] = (),
        network_configuration: NetworkConfigurationTypeDef | None = None,
        health_check_grace_period_seconds: int | None = None,
        scheduling_strategy: str = REPLICA,
        deployment_controller: DeploymentControllerTypeDef | None = None,
        tags: Sequence[TagTypeDef] = (),
        enable_ecs_managed_tags: bool = False,
        propagate_tags: str = "NONE",
        enable_execute_command: bool = False,
        service_connect_configuration: ServiceConnectConfigurationTypeDef | None = None,
        volume_configurations: Sequence[ServiceVolumeConfigurationTypeDef] = (),
        vpc_lattice_configurations: Sequence[VpcLatticeConfigurationTypeDef] = (),
        gateway_connectors: Sequence[GatewayConnectorTypeDef] = (),
        monitoring: MonitoringConfigurationTypeDef | None = None,
    ) -> Mapping[str, Any]:
        """A new service, which the scheduler then brings up."""
        service_checks.check_controller(deployment_controller)
        service_checks.check_grace(health_check_grace_period_seconds)
        service_checks.refuse(
            {
                "loadBalancers": load_balancers,
                "serviceRegistries": service_registries,
                "serviceConnectConfiguration": service_connect_configuration,
                "volumeConfigurations": volume_configurations,
                "vpcLatticeConfigurations": vpc_lattice_configurations,
                "gatewayConnectors": gateway_connectors,
                "monitoring": monitoring,
                "role": role,
            }
        )
        members = {
            "schedulingStrategy": scheduling_strategy,
            "deploymentController": {"type": "ECS"},
            "availabilityZoneRebalancing": availability_zone_rebalancing or "DISABLED",
            "placementConstraints": list(placement_constraints),
            "placementStrategy": list(placement_strategy),
            "enableECSManagedTags": enable_ecs_managed_tags,
            "propagateTags": propagate_tags,
            "enableExecuteCommand": enable_execute_command,
            "createdBy": context.caller.arn,
        }
        wanted = Wanted(
            task_definition,
            desired_count,
            deployment_configuration or {},
            {
                "launchType": launch_type,
                "capacityProviderStrategy": capacity_provider_strategy,
                "platformVersion": platform_version,
                "networkConfiguration": network_configuration,
            },
            members,
            labels=labels.checked(tags),
        )
        made = self._services.create(
            scope_of(context), cluster, service_name, wanted, token=client_token
        )
        return {"service": made}

    @ecs.operation(resource=named_services, conditions=in_cluster)
    def update_service(
        self,
        context: Context,
        *,
        service: str,
        cluster: str | None = None,
        desired_count: int | None = None,
        task_definition: str | None = None,
        capacity_provider_strategy: Sequence[CapacityProviderStrategyItemTypeDef] | None = None,
        deployment_configuration: DeploymentConfigurationTypeDef | None = None,
        availability_zone_rebalancing: str | None = None,
        network_configuration: NetworkConfigurationTypeDef | None = None,
        placement_constraints: Sequence[PlacementConstraintTypeDef] | None = None,
        placement_strategy: Sequence[PlacementStrategyTypeDef] | None = None,
        platform_version: str | None = None,
        force_new_deployment: bool = False,
        health_check_grace_period_seconds: int | None = None,
        deployment_controller: DeploymentControllerTypeDef | None = None,
        enable_execute_command: bool | None = None,
        enable_ecs_managed_tags: bool | None = None,
        load_balancers: Sequence[LoadBalancerTypeDef] = (),
        propagate_tags: str | None = None,
        service_registries: Sequence[ServiceRegistryTypeDef] = (),
        service_connect_configuration: ServiceConnectConfigurationTypeDef | None = None,
        volume_configurations: Sequence[ServiceVolumeConfigurationTypeDef] = (),
        vpc_lattice_configurations: Sequence[VpcLatticeConfigurationTypeDef] = (),
        gateway_connectors: Sequence[GatewayConnectorTypeDef] = (),
        monitoring: MonitoringConfigurationTypeDef | None = None,
    ) -> Mapping[str, Any]:
        """Change what is given, and nothing else."""
        service_checks.check_controller(deployment_controller)
        service_checks.check_grace(health_check_grace_period_seconds)
        service_checks.refuse(
            {
                "loadBalancers": load_balancers,
                "serviceRegistries": service_registries,
                "serviceConnectConfiguration": service_connect_configuration,
                "volumeConfigurations": volume_configurations,
                "vpcLatticeConfigurations": vpc_lattice_configurations,
                "gatewayConnectors": gateway_connectors,
                "monitoring": monitoring,
            }
        )
        wanted = Wanted(
            task_definition,
            desired_count,
            deployment_configuration or {},
            {
                "capacityProviderStrategy": capacity_provider_strategy,
                "platformVersion": platform_version,
                "networkConfiguration": network_configuration,
            },
            {
                "availabilityZoneRebalancing": availability_zone_rebalancing,
                "placementConstraints": placement_constraints,
                "placementStrategy": placement_strategy,
                "enableExecuteCommand": enable_execute_command,
                "enableECSManagedTags": enable_ecs_managed_tags,
                "propagateTags": propagate_tags,
            },
            force_new_deployment,
        )
        return {"service": self._services.update(scope_of(context), cluster, service, wanted)}

    @ecs.operation(resource=named_services, conditions=in_cluster)
    def delete_service(
        self,
        context: Context,
        *,
        service: str,
        cluster: str | None = None,
        force: bool = False,
    ) -> Mapping[str, Any]:
        """Have a service end, with its tasks."""
        return {"service": self._services.delete(scope_of(context), cluster, service, force=force)}

    @ecs.operation(resource=named_services, conditions=in_cluster)
    def describe_services(
        self,
        context: Context,
        *,
        services: Sequence[str],
        cluster: str | None = None,
        include: Sequence[str] = (),
    ) -> Mapping[str, Any]:
        """The services, with a failure for each that is missing."""
        if not services:
            raise invalid("Services cannot be empty.")
        if len(services) > _DESCRIBED_MAX:
            raise invalid(f"Services cannot have more than {_DESCRIBED_MAX} elements.")
        found, failures = self._services.describe(scope_of(context), cluster, services, include)
        return {"services": found, "failures": failures}

    @ecs.operation(resource=ANY, conditions=in_cluster)
    def list_services(
        self,
        context: Context,
        *,
        cluster: str | None = None,
        next_token: str | None = None,
        max_results: int | None = None,
        launch_type: str | None = None,
        scheduling_strategy: str | None = None,
        resource_management_type: str | None = None,
    ) -> Mapping[str, Any]:
        """ARNs of the cluster's services, by name."""
        scope, limit = scope_of(context), page_size(max_results, default=_PAGE)
        given = {"launchType": launch_type, "schedulingStrategy": scheduling_strategy}
        chosen = {name: value for name, value in given.items() if value is not None}
        if resource_management_type == "ECS":
            return {"serviceArns": []}
        listing = f"services {context.caller.arn} {scope} {cluster} {sorted(chosen.items())}"
        after = self._pages.open(listing, next_token, "")
        home, names = self._services.names(scope, cluster, chosen, after, limit + 1)
        found: dict[str, Any] = {
            "serviceArns": [arns.service_arn(scope, home.name, name) for name in names[:limit]]
        }
        if len(names) > limit:
            found["nextToken"] = self._pages.seal(listing, names[limit - 1])
        return found

    @ecs.operation(resource=ANY)
    def list_services_by_namespace(
        self,
        context: Context,  # noqa: ARG002 - no service can be in one here
        *,
        namespace: str,  # noqa: ARG002 - as above
        next_token: str | None = None,  # noqa: ARG002 - there is one page
        max_results: int | None = None,
    ) -> Mapping[str, Any]:
        """None: this server has no Cloud Map namespaces."""
        page_size(max_results)
        return {"serviceArns": []}
