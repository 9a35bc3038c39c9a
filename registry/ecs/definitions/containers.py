"""One container's settings, looked at without the others.

Source: ECS API reference, ContainerDefinition, HealthCheck, ContainerRestartPolicy,
LogConfiguration, EnvironmentFile, Ulimit.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from registry.ecs.errors import client_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)
_IMAGE = re.compile(r"[A-Za-z0-9_./:@#-]{1,255}", re.ASCII)
_S3_FILE = re.compile(r"arn:[a-z-]+:s3:::[^/]+/.+\.env", re.ASCII)
_FILES_MAX = 10
_CODES_MAX = 50
_TIMEOUT_MIN = 2
_HEALTH: Mapping[str, tuple[int, int, int | None]] = {
    "interval": (5, 300, 30),
    "timeout": (2, 60, 5),
    "retries": (1, 10, 3),
    "startPeriod": (0, 300, None),
}
"""From, to, and the default that is shown."""
_RESTART_PERIOD = (60, 1800)
_SWAPPINESS = (0, 100)
_REQUIRED_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "awslogs": ("awslogs-region", "awslogs-group"),
    "splunk": ("splunk-token", "splunk-url"),
}


def check_name(container: Mapping[str, Any]) -> None:
    """Raise ServiceError (ClientException) for a container without a proper name and image."""
    for member, pattern in (("name", _NAME), ("image", _IMAGE)):
        value = container.get(member)
        if not value:
            raise client_error(f"Container.{member} should not be null or empty.")
        if not pattern.fullmatch(value):
            raise client_error(f"Container.{member} contains invalid characters.")


def check(container: Mapping[str, Any]) -> None:
    """Raise ServiceError (ClientException) for what no launch type takes."""
    _check_environment(container)
    _check_timeouts(container)
    _check_restart(container)
    _check_ulimits(container)
    _check_linux(container)
    _check_logging(container)
    _check_resources(container)


def health_check(container: Mapping[str, Any]) -> dict[str, Any]:
    """The container's health check, with its defaults. Raises ServiceError (ClientException)."""
    found = dict(container["healthCheck"])
    command = found["command"]
    shaped = command and (
        command[0] == "NONE" or (command[0] in {"CMD", "CMD-SHELL"} and command[1:])
    )
    if not shaped:
        raise client_error(
            f"Invalid 'healthCheck' setting for container '{container['name']}'. The command must"
            " begin with CMD or CMD-SHELL, followed by what is run."
        )
    for member, (least, most, default) in _HEALTH.items():
        value = found.setdefault(member, default) if default is not None else found.get(member)
        if value is not None and not least <= value <= most:
            raise client_error(
                f"The health check {member} for container '{container['name']}' must be between"
                f" {least} and {most}."
            )
    return found


def _check_environment(container: Mapping[str, Any]) -> None:
    name = container["name"]
    variables = [each.get("name", "") for each in container["environment"]]
    secrets = [each["name"] for each in container.get("secrets", ())]
    if not all(variables) or not all(secrets):
        raise client_error(f"Environment variable names for container '{name}' can not be blank.")
    if twice := _duplicates([*dict.fromkeys(variables), *secrets]):
        raise client_error(
            "The secret name must be unique and not shared with any new or existing environment"
            f" variables set on the container, such as '{twice[0]}'."
        )
    files = container.get("environmentFiles", ())
    if len(files) > _FILES_MAX:
        raise client_error(
            "The maximum number of environment files was exceeded. Specify ten or less and try"
            " again."
        )
    if not all(_S3_FILE.fullmatch(each["value"]) for each in files):
        raise client_error("Invalid arn syntax.")


def _check_timeouts(container: Mapping[str, Any]) -> None:
    for member, word in (("startTimeout", "start"), ("stopTimeout", "stop")):
        if container.get(member) is not None and container[member] < _TIMEOUT_MIN:
            raise client_error(
                f"Granular {word} timeout on container '{container['name']}' must be at least 2"
                " seconds."
            )


def _check_restart(container: Mapping[str, Any]) -> None:
    policy = container.get("restartPolicy")
    if policy is None:
        return
    least, most = _RESTART_PERIOD
    period = policy.get("restartAttemptPeriod")
    if period is not None and not least <= period <= most:
        raise client_error(
            f"the 'restartAttemptPeriod' setting for container '{container['name']}' must be"
            f" between {least} and {most}"
        )
    if len(policy.get("ignoredExitCodes", ())) > _CODES_MAX:
        raise client_error(
            f"the 'ignoredExitCodes' setting for container '{container['name']}' can have at most"
            f" {_CODES_MAX} exit codes"
        )


def _check_ulimits(container: Mapping[str, Any]) -> None:
    limits = container.get("ulimits", ())
    if twice := _duplicates(each["name"] for each in limits):
        raise client_error(f"Duplicate ulimit '{twice[0]}' for container '{container['name']}'.")
    for each in limits:
        unlimited = each["hardLimit"] == -1
        if not unlimited and (each["softLimit"] > each["hardLimit"] or each["softLimit"] == -1):
            raise client_error(f"Soft limit exceeds hard limit for ulimit {each['name']}")


def _check_linux(container: Mapping[str, Any]) -> None:
    name, linux = container["name"], container.get("linuxParameters", {})
    least, most = _SWAPPINESS
    if linux.get("swappiness") is not None:
        if not least <= linux["swappiness"] <= most:
            raise client_error(f"Invalid 'swappiness' setting for container '{name}'.")
        if linux.get("maxSwap") is None:
            raise client_error(
                f"Invalid setting for container '{name}'. 'swappiness' requires 'maxSwap'."
            )
    if linux.get("maxSwap") is not None and linux["maxSwap"] < 0:
        raise client_error(f"Invalid 'maxSwap' setting for container '{name}'.")
    if linux.get("sharedMemorySize") is not None and linux["sharedMemorySize"] <= 0:
        raise client_error(f"Invalid 'sharedMemorySize' setting for container '{name}'.")
    for each in linux.get("tmpfs", ()):
        if not each["containerPath"].startswith("/") or each["size"] <= 0:
            raise client_error(f"Invalid 'tmpfs' setting for container '{name}'.")


def _check_logging(container: Mapping[str, Any]) -> None:
    logging = container.get("logConfiguration")
    if container.get("firelensConfiguration") is not None or (
        logging is not None and logging["logDriver"] == "awsfirelens"
    ):
        raise client_error(
            "This server has no FireLens: neither the log driver awsfirelens nor"
            " firelensConfiguration can be used."
        )
    if logging is None:
        return
    secret = {each["name"] for each in logging.get("secretOptions", ())}
    given = secret | logging.get("options", {}).keys()
    wanted = _REQUIRED_OPTIONS.get(logging["logDriver"], ())
    if missing := [name for name in wanted if name not in given]:
        raise client_error(
            f"Log driver {logging['logDriver']} requires options: {', '.join(missing)}"
        )


def _check_resources(container: Mapping[str, Any]) -> None:
    for each in container.get("resourceRequirements", ()):
        if each["type"] != "GPU":
            raise client_error(f"Unsupported resource requirement '{each['type']}'.")
        value = each.get("value", "")
        if not (value.isascii() and value.isdigit()) or int(value) < 1:
            raise client_error(f"Invalid GPU value '{value}' for container '{container['name']}'.")


def _duplicates(values: Iterable[str]) -> list[str]:
    known: set[str] = set()
    found = []
    for value in values:
        if value in known:
            found.append(value)
        known.add(value)
    return found
