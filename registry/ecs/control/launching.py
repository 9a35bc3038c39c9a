"""A new task: its row, and what it is at its beginning.

Source: ECS API reference, Task, Container; Developer Guide, "Task lifecycle".
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.ecs import arns
from registry.ecs.control import tags
from registry.ecs.statuses import DesiredStatus, TaskStatus
from registry.ecs.store.tables import tasks

if TYPE_CHECKING:
    from registry.ecs.control.clusters import Cluster
    from registry.ecs.control.definitions import Definition

FARGATE, EC2 = "FARGATE", "EC2"
PLATFORM_VERSION = "1.4.0"
EPHEMERAL_GIB = 20
_EXECUTE_AGENT = "ExecuteCommandAgent"


@dataclass(frozen=True, slots=True)
class Launch:
    """What a task is started with, beside its definition."""

    definition: Definition
    launch_type: str
    group: str
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """A TaskOverride."""
    network: Mapping[str, Any] | None = None
    """An AwsVpcConfiguration; of the network mode awsvpc alone."""
    capacity_provider: str | None = None
    started_by: str | None = None
    execute_command: bool = False
    platform_version: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    """Its tags, those that ECS adds too."""
    service_id: int | None = None
    deployment_id: str | None = None
    instance_id: str | None = None
    """The container instance; None on Fargate."""


def launch(connection: sa.Connection, cluster: Cluster, asked: Launch) -> str:
    """Write the row of a new task, which its agent then finds; its id."""
    task_id = uuid.uuid4().hex
    awsvpc = asked.network is not None
    values = {
        "id": task_id,
        "cluster_id": cluster.id,
        "definition_arn": asked.definition.arn,
        "family": asked.definition.family,
        "group": asked.group,
        "service_id": asked.service_id,
        "deployment_id": asked.deployment_id,
        "started_by": asked.started_by,
        "launch_type": asked.launch_type,
        "instance_id": asked.instance_id,
        "desired_status": DesiredStatus.RUNNING.value,
        "last_status": (TaskStatus.PROVISIONING if awsvpc else TaskStatus.PENDING).value,
        "version": 1,
        "document": _document(cluster, task_id, asked),
        "created_at": datetime.now(UTC),
    }
    connection.execute(sa.insert(tasks).values(values))
    tags.put(connection, arns.task_arn(cluster.scope, cluster.name, task_id), asked.labels)
    return task_id


def _document(cluster: Cluster, task_id: str, asked: Launch) -> dict[str, Any]:
    definition = effective(asked.definition.document, asked.overrides)
    found: dict[str, Any] = {
        "attachments": [_interface(asked.network)] if asked.network is not None else [],
        "attributes": [{"name": "ecs.cpu-architecture", "value": _architecture(definition)}],
        "availabilityZone": f"{cluster.scope.region}a",
        "containers": [
            _container(cluster, task_id, container, execute_command=asked.execute_command)
            for container in definition["containerDefinitions"]
        ],
        "enableExecuteCommand": asked.execute_command,
        "healthStatus": "UNKNOWN",
        "inferenceAccelerators": [],
        "overrides": {
            "containerOverrides": [],
            "inferenceAcceleratorOverrides": [],
            **asked.overrides,
        },
        **{name: definition[name] for name in ("cpu", "memory") if name in definition},
    }
    if asked.network is not None:
        found["network"] = dict(asked.network)
    if asked.capacity_provider is not None:
        found["capacityProviderName"] = asked.capacity_provider
    if asked.launch_type == FARGATE:
        storage = definition.get("ephemeralStorage") or {"sizeInGiB": EPHEMERAL_GIB}
        given = asked.platform_version
        found["platformVersion"] = PLATFORM_VERSION if given in {None, "LATEST"} else given
        found["platformFamily"] = "Linux"
        found["ephemeralStorage"] = found["fargateEphemeralStorage"] = storage
    return found


def _container(
    cluster: Cluster, task_id: str, container: Mapping[str, Any], *, execute_command: bool
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "containerArn": arns.container_arn(cluster.scope, cluster.name, task_id, str(uuid.uuid4())),
        "taskArn": arns.task_arn(cluster.scope, cluster.name, task_id),
        "name": container["name"],
        "image": container["image"],
        "lastStatus": "PENDING",
        "networkInterfaces": [],
        "cpu": str(container.get("cpu", 0)),
    }
    for name in ("memory", "memoryReservation"):
        if container.get(name) is not None:
            found[name] = str(container[name])
    if execute_command:
        found["managedAgents"] = [{"name": _EXECUTE_AGENT, "lastStatus": "PENDING"}]
    return found


def _interface(network: Mapping[str, Any]) -> dict[str, Any]:
    subnet = next(iter(network.get("subnets", ())), "")
    return {
        "id": str(uuid.uuid4()),
        "type": "ElasticNetworkInterface",
        "status": "PRECREATED",
        "details": [
            {"name": "subnetId", "value": subnet},
            {"name": "networkInterfaceId", "value": f"eni-{secrets.token_hex(9)[:17]}"},
        ],
    }


def _architecture(definition: Mapping[str, Any]) -> str:
    asked = definition.get("runtimePlatform", {}).get("cpuArchitecture", "X86_64")
    return str(asked).lower()


def effective(definition: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """A task definition's document with a TaskOverride applied."""
    by_name = {each.get("name"): each for each in overrides.get("containerOverrides", ())}
    found = {**definition}
    found["containerDefinitions"] = [
        _overridden(container, by_name.get(container["name"], {}))
        for container in definition["containerDefinitions"]
    ]
    for name in ("cpu", "memory", "taskRoleArn", "executionRoleArn", "ephemeralStorage"):
        if overrides.get(name):
            found[name] = overrides[name]
    return found


def _overridden(container: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    found = {**container}
    for name in ("command", "cpu", "memory", "memoryReservation", "resourceRequirements"):
        if override.get(name) is not None:
            found[name] = override[name]
    if override.get("environment"):
        both = [*container.get("environment", ()), *override["environment"]]
        last = {each.get("name", ""): each.get("value", "") for each in both}
        found["environment"] = [{"name": name, "value": value} for name, value in last.items()]
    if override.get("environmentFiles"):
        files = [*container.get("environmentFiles", ()), *override["environmentFiles"]]
        found["environmentFiles"] = files
    return found
