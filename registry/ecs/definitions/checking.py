"""What a caller registers, made the document that is kept.

Source: ECS API reference, RegisterTaskDefinition, ContainerDefinition; Developer Guide, "Amazon
ECS task definition parameters".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from registry.ecs.definitions import (
    attributes,
    containers,
    fargate,
    networking,
    ordering,
    sizes,
    volumes,
)
from registry.ecs.errors import client_error

if TYPE_CHECKING:
    from collections.abc import Mapping

_FAMILY = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)
_CONTAINERS_MAX = 10
_CONSTRAINTS_MAX = 10
_STORAGE_GIB = (21, 200)
_ALWAYS: Mapping[str, Any] = {
    "cpu": 0,
    "portMappings": [],
    "essential": True,
    "environment": [],
    "mountPoints": [],
    "volumesFrom": [],
    "systemControls": [],
}
"""Members that a container definition is always shown with."""
_TAKEN = ("EC2", "EXTERNAL", "FARGATE")


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a task definition, from the input of RegisterTaskDefinition by the
    model's names, without its tags.

    Raises ServiceError (ClientException, InvalidParameterException).
    """
    _check_family(given["family"])
    document = {name: value for name, value in given.items() if name != "tags"}
    document |= sizes.normalised(document)
    document["volumes"] = [volumes.volume(each) for each in given.get("volumes", ())]
    document.setdefault("placementConstraints", [])
    document["containerDefinitions"] = _containers(document)
    _check_task(document)
    _check_launch_types(document)
    document["requiresAttributes"] = attributes.required(document)
    document["compatibilities"] = attributes.compatibilities(document)
    return document


def _check_family(family: str) -> None:
    if not family:
        raise client_error("Family can not be blank.")
    if not _FAMILY.fullmatch(family):
        raise client_error("Family contains invalid characters.")


def _containers(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    given = document["containerDefinitions"]
    if not given:
        raise client_error("Container list cannot be empty.")
    if len(given) > _CONTAINERS_MAX:
        raise client_error(f"A task definition can have at most {_CONTAINERS_MAX} containers.")
    names = set()
    for container in given:
        containers.check_name(container)
        if container["name"] in names:
            raise client_error("Container names must be unique within a task definition.")
        names.add(container["name"])
    found = [_container(container, document) for container in given]
    if not any(container["essential"] for container in found):
        raise client_error("Task definition doesn't have any essential container.")
    return found


def _container(given: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    found = {**_ALWAYS, **given}
    containers.check(found)
    sizes.check_container(found, sized="memory" in document)
    mode = networking.mode_of(document)
    found["portMappings"] = networking.port_mappings(found, mode)
    if "healthCheck" in found:
        found["healthCheck"] = containers.health_check(found)
    return found


def _check_task(document: Mapping[str, Any]) -> None:
    """What stands between containers, and what is the task's own."""
    listed = document["containerDefinitions"]
    sizes.check_sums(document)
    networking.check(document)
    volumes.check_mounts(document)
    ordering.check(listed)
    if any(each.get("secrets") for each in listed) and "executionRoleArn" not in document:
        raise client_error(
            "When you are specifying container secrets, you must also specify a value for"
            " 'executionRoleArn'."
        )
    proxy = document.get("proxyConfiguration")
    if proxy is not None:
        if proxy["containerName"] not in {each["name"] for each in listed}:
            raise client_error(f"Proxy container [{proxy['containerName']}] does not exist")
        raise client_error("This server has no AWS App Mesh: proxyConfiguration can't be used.")
    _check_constraints(document)
    _check_absent(document)


def _check_constraints(document: Mapping[str, Any]) -> None:
    constraints = document["placementConstraints"]
    if len(constraints) > _CONSTRAINTS_MAX:
        raise client_error(f"A task definition can have at most {_CONSTRAINTS_MAX} constraints.")
    for each in constraints:
        if not each.get("expression"):
            raise client_error("A placement constraint memberOf needs an expression.")


def _check_absent(document: Mapping[str, Any]) -> None:
    """What AWS has retired, or what a Linux engine has not."""
    if document.get("inferenceAccelerators"):
        raise client_error("Unsupported field 'inferenceAccelerators'.")
    if document.get("trustedExecutionConfiguration"):
        raise client_error("Unsupported field 'trustedExecutionConfiguration'.")
    system = document.get("runtimePlatform", {}).get("operatingSystemFamily", "LINUX")
    if system != "LINUX":
        raise client_error(f"This server runs Linux containers only, not {system}.")


def _check_launch_types(document: Mapping[str, Any]) -> None:
    """That the definition can run wherever it says it must."""
    required = document.get("requiresCompatibilities", ())
    for each in required:
        if each not in _TAKEN:
            raise client_error(f"This server has no launch type {each}.")
    if "FARGATE" in required:
        for reason in fargate.violations(document):
            raise client_error(reason)
    if "EXTERNAL" in required and networking.mode_of(document) == networking.AWSVPC:
        raise client_error("The EXTERNAL launch type does not support network mode 'awsvpc'.")
    storage = document.get("ephemeralStorage")
    if storage is None:
        return
    if "FARGATE" not in required:
        raise client_error("Tasks using the EC2 launch type do not support EphemeralStorage.")
    least, most = _STORAGE_GIB
    if not least <= storage["sizeInGiB"] <= most:
        raise client_error(
            f"Invalid setting for ephemeral storage. Size must be between {least} GiB and {most}"
            " GiB."
        )
