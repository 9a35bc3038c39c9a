"""What a Fargate task can't have.

Source: Developer Guide, "Amazon ECS task definition differences for Fargate".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from registry.ecs.definitions.networking import AWSVPC
from registry.ecs.definitions.sizes import FARGATE_SIZES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ECR_IMAGE = re.compile(r"\d{12}\.dkr[.-]ecr[.-][^/]+/.+", re.ASCII)
_DRIVERS = ("awslogs", "splunk", "awsfirelens")
_STOP_MAX = 120
_LINUX = ("devices", "sharedMemorySize", "tmpfs", "maxSwap", "swappiness")
_CAPABILITY = "SYS_PTRACE"
_UNSUPPORTED = "Fargate compatible task definitions do not support"


def violations(document: Mapping[str, Any]) -> Iterator[str]:
    """Why the definition can't run on Fargate, in ECS's words; none if it can."""
    if document.get("networkMode") != AWSVPC:
        yield "Fargate only supports network mode ‘awsvpc’."
    yield from _of_size(document)
    yield from _of_task(document)
    for volume in document["volumes"]:
        if volume.get("host", {}).get("sourcePath"):
            yield f"{_UNSUPPORTED} sourcePath"
        if volume.get("dockerVolumeConfiguration"):
            yield f"{_UNSUPPORTED} dockerVolumeConfiguration"
    for container in document["containerDefinitions"]:
        yield from _of_container(container)
        if "executionRoleArn" not in document:
            yield from _without_role(container)


def _of_size(document: Mapping[str, Any]) -> Iterator[str]:
    for name in ("cpu", "memory"):
        if name not in document:
            yield f"Fargate requires that '{name}' be defined at the task level."
            return
    cpu, memory = int(document["cpu"]), int(document["memory"])
    if memory not in FARGATE_SIZES.get(cpu, ()):
        yield (
            f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See"
            " the Amazon ECS documentation for the valid values."
        )


def _of_task(document: Mapping[str, Any]) -> Iterator[str]:
    if document["placementConstraints"]:
        yield f"{_UNSUPPORTED} constraints"
    if "ipcMode" in document:
        yield "Tasks using the Fargate launch type do not support ipcMode."
    if document.get("pidMode") == "host":
        yield (
            "Tasks using the Fargate launch type do not support pidMode 'host'. The supported value"
            " for pidMode is 'task'."
        )


def _of_container(container: Mapping[str, Any]) -> Iterator[str]:
    if container.get("privileged"):
        yield "Fargate requires that the 'privileged' setting be 'false'"
    if container.get("dockerSecurityOptions"):
        yield f"{_UNSUPPORTED} dockerSecurityOptions"
    if container.get("resourceRequirements"):
        yield "Tasks using the Fargate launch type do not support GPU resource requirements."
    if (container.get("stopTimeout") or 0) > _STOP_MAX:
        yield (
            "Tasks using the Fargate launch type must have a container stop timeout of less than"
            f" {_STOP_MAX} seconds."
        )
    driver = container.get("logConfiguration", {}).get("logDriver", _DRIVERS[0])
    if driver not in _DRIVERS:
        yield f"{driver} is not a valid log driver. Must be one of [{','.join(_DRIVERS)}]"
    linux = container.get("linuxParameters", {})
    for member in _LINUX:
        if linux.get(member) not in (None, []):
            yield f"{_UNSUPPORTED} {member}"
    for added in linux.get("capabilities", {}).get("add", ()):
        if added != _CAPABILITY:
            yield f"{added} is not allowed on Fargate."


def _without_role(container: Mapping[str, Any]) -> Iterator[str]:
    begin = "Fargate requires task definition to have execution role ARN to support"
    if ECR_IMAGE.fullmatch(container["image"]):
        yield f"{begin} ECR images."
    if container.get("logConfiguration", {}).get("logDriver") == "awslogs":
        yield f"{begin} log driver awslogs."
