"""A task of a service, begun.

Source: ECS API reference, CreateService (propagateTags, enableECSManagedTags), Task `startedBy`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from registry.ecs.control import definitions, instances, tags
from registry.ecs.control.launching import EC2, FARGATE, Launch, launch
from registry.ecs.control.placement import Unplaced, Wish, place
from registry.ecs.control.strategies import provider_of

if TYPE_CHECKING:
    import sqlalchemy as sa

    from registry.ecs.control.definitions import Definition
    from registry.ecs.control.service_rows import Revision, Service


def start(
    connection: sa.Connection,
    service: Service,
    revision: Revision,
    number: int,
    where: str | None = None,
) -> str:
    """Begin a task, the `number`th of its revision from 0, on the container instance `where` if
    that is given; its id. Raises Unplaced, ServiceError.
    """
    definition = definitions.find(
        connection, service.cluster.scope, revision.document["taskDefinition"]
    )
    if definition is None:
        raise Unplaced("MISSING TASK DEFINITION")
    launch_type, provider = placed_by(service, revision, number)
    wanted = _launch(connection, service, revision, definition)
    wanted = replace(wanted, launch_type=launch_type, capacity_provider=provider)
    if where is not None:
        wanted = replace(wanted, instance_id=_checked(connection, service, definition, where))
    elif launch_type != FARGATE:
        wanted = replace(
            wanted, instance_id=place(connection, service.cluster, _wish(service, definition)).id
        )
    return launch(connection, service.cluster, wanted)


def placed_by(service: Service, revision: Revision, number: int) -> tuple[str, str | None]:
    """Launch type and capacity provider of a revision's `number`th task."""
    strategy = revision.document.get("capacityProviderStrategy")
    if not strategy:
        return revision.document.get("launchType", EC2), None
    provider = provider_of(service.cluster, strategy, number)
    return (FARGATE if provider.startswith("FARGATE") else EC2), provider


def _checked(
    connection: sa.Connection, service: Service, definition: Definition, where: str
) -> str:
    """The container instance, if it can take the task. Raises Unplaced."""
    found = {each.id: each for each in instances.in_cluster(connection, service.cluster)}
    if where not in found:
        raise Unplaced("MISSING")
    instance = found[where]
    if not instance.connected:
        raise Unplaced("AGENT", instance.arn)
    remaining = instances.remaining(connection, instance)
    reason = instances.lacking(remaining, instances.needs(definition.document))
    if reason is not None:
        raise Unplaced(reason, instance.arn)
    return where


def _wish(service: Service, definition: Definition) -> Wish:
    constraints: list[Any] = [
        *definition.document.get("placementConstraints", ()),
        *service.document.get("placementConstraints", ()),
    ]
    group, strategy = f"service:{service.name}", service.document.get("placementStrategy", ())
    return Wish(definition.document, group, constraints, strategy)


def _launch(
    connection: sa.Connection, service: Service, revision: Revision, definition: Definition
) -> Launch:
    network = revision.document.get("networkConfiguration") or {}
    return Launch(
        definition=definition,
        launch_type=EC2,
        group=f"service:{service.name}",
        network=network.get("awsvpcConfiguration"),
        started_by=revision.rollout.name,
        execute_command=bool(service.document["enableExecuteCommand"]),
        platform_version=revision.document.get("platformVersion"),
        labels=_labels(connection, service, definition),
        service_id=service.id,
        deployment_id=revision.id,
    )


def _labels(connection: sa.Connection, service: Service, definition: Definition) -> dict[str, str]:
    source = {"SERVICE": service.arn, "TASK_DEFINITION": definition.arn}
    origin = source.get(service.document.get("propagateTags", "NONE"))
    found = {} if origin is None else tags.of(connection, origin)
    if service.document["enableECSManagedTags"]:
        found["aws:ecs:clusterName"] = service.cluster.name
        found["aws:ecs:serviceName"] = service.name
    return found
