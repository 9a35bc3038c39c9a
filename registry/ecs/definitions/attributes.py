"""What a task definition needs of a container instance, and where it can run.

Source: ECS API reference, TaskDefinition `requiresAttributes`, `compatibilities`;
amazon-ecs-agent, `agent/app/agent_capability.go`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.ecs.definitions import fargate
from registry.ecs.definitions.networking import AWSVPC, HOST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_COM = "com.amazonaws.ecs.capability."
_PLAIN = "ecs.capability."


def compatibilities(document: Mapping[str, Any]) -> list[str]:
    """The launch types that take the definition."""
    awsvpc = document.get("networkMode") == AWSVPC
    found = ["EC2"] if awsvpc else ["EXTERNAL", "EC2"]
    if next(fargate.violations(document), None) is None:
        found.append("FARGATE")
    return found


def required(document: Mapping[str, Any]) -> list[dict[str, str]]:
    """The attributes, as the model's Attributes, by name."""
    names = {*_of_task(document)}
    for container in document["containerDefinitions"]:
        names |= {*_of_container(container)}
        names |= {*_of_execution(document, container)}
    return [{"name": name} for name in sorted(names)]


def _of_task(document: Mapping[str, Any]) -> Iterator[str]:
    mode = document.get("networkMode")
    if mode == AWSVPC:
        yield f"{_PLAIN}task-eni"
        yield f"{_COM}docker-remote-api.1.18"
    if "taskRoleArn" in document:
        yield f"{_COM}task-iam-role{'-network-host' if mode == HOST else ''}"
    if "pidMode" in document or "ipcMode" in document:
        yield f"{_PLAIN}pid-ipc-namespace-sharing"
    if mode != AWSVPC and ("cpu" in document or "memory" in document):
        yield f"{_PLAIN}task-cpu-mem-limit"
    for volume in document["volumes"]:
        if "efsVolumeConfiguration" in volume:
            yield f"{_PLAIN}efs"
        if "dockerVolumeConfiguration" in volume:
            driver = volume["dockerVolumeConfiguration"].get("driver", "local")
            yield f"{_PLAIN}docker-volume-driver.{driver}"


def _of_container(container: Mapping[str, Any]) -> Iterator[str]:
    if container.get("privileged"):
        yield f"{_COM}privileged-container"
    if fargate.ECR_IMAGE.fullmatch(container["image"]):
        yield f"{_COM}ecr-auth"
    if "logConfiguration" in container:
        yield f"{_COM}logging-driver.{container['logConfiguration']['logDriver']}"
        yield f"{_COM}docker-remote-api.1.19"
    if "memoryReservation" in container:
        yield f"{_COM}docker-remote-api.1.21"
    if "healthCheck" in container:
        yield f"{_COM}docker-remote-api.1.24"
    for capability, wanted in _wishes(container).items():
        if wanted:
            yield f"{_PLAIN}{capability}"


def _wishes(container: Mapping[str, Any]) -> dict[str, bool]:
    """Abilities of the agent, and whether the container asks for them."""
    timed = "startTimeout" in container or "stopTimeout" in container
    ranges = any("containerPortRange" in each for each in container["portMappings"])
    return {
        "container-health-check": "healthCheck" in container,
        "container-ordering": timed or bool(container.get("dependsOn")),
        "container-restart-policy": bool(container.get("restartPolicy", {}).get("enabled")),
        "env-files.s3": bool(container.get("environmentFiles")),
        "network.container-port-range": ranges,
        "private-registry-authentication.secretsmanager": "repositoryCredentials" in container,
    }


def _of_execution(document: Mapping[str, Any], container: Mapping[str, Any]) -> Iterator[str]:
    """What the execution role is needed for."""
    logging = container.get("logConfiguration", {})
    if "executionRoleArn" in document:
        if fargate.ECR_IMAGE.fullmatch(container["image"]):
            yield f"{_PLAIN}execution-role-ecr-pull"
        if logging.get("logDriver") == "awslogs":
            yield f"{_PLAIN}execution-role-awslogs"
    for given, use in (
        (container.get("secrets", ()), "environment-variables"),
        (logging.get("secretOptions", ()), "bootstrap.log-driver"),
    ):
        for secret in given:
            kind = "asm" if ":secretsmanager:" in secret["valueFrom"] else "ssm"
            yield f"{_PLAIN}secrets.{kind}.{use}"
