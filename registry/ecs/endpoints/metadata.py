"""Task metadata, version 4, in the form that containers expect.

Source: Developer Guide, "Amazon ECS task metadata endpoint version 4"; the same of Fargate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from registry.ecs.agent.definition import PAUSE

if TYPE_CHECKING:
    from registry.ecs.protocol import TaskPayload

Shown = Mapping[str, Mapping[str, Any]]
"""What the engine shows of a task's containers, by their names."""

_STATUS = {"created": "CREATED", "running": "RUNNING", "exited": "STOPPED", "dead": "STOPPED"}
_NEVER = "0001-01-01T00:00:00Z"
_UNITS_PER_CORE = 1024


def task_metadata(payload: TaskPayload, shown: Shown, *, tags: bool = False) -> dict[str, Any]:
    """`/task`, and `/taskWithTags`."""
    definition = payload.definition
    statuses = {_status(each) for name, each in shown.items() if name != PAUSE}
    found: dict[str, Any] = {
        "Cluster": payload.cluster_arn,
        "TaskARN": payload.arn,
        "Family": definition["family"],
        "Revision": str(definition["revision"]),
        "DesiredStatus": payload.desired_status.value,
        "KnownStatus": "RUNNING" if statuses == {"RUNNING"} else "PENDING",
        "Containers": [
            container_metadata(payload, name, shown)
            for name in [each["name"] for each in definition["containerDefinitions"]]
            if name in shown
        ],
        "LaunchType": payload.launch_type,
        "AvailabilityZone": f"{payload.arn.split(':')[3]}a",
        "VPCID": "",
    }
    if payload.service_name:
        found["ServiceName"] = payload.service_name
    if limits := _task_limits(definition):
        found["Limits"] = limits
    if tags:
        found["TaskTags"] = dict(payload.tags)
    return found


def container_metadata(payload: TaskPayload, name: str, shown: Shown) -> dict[str, Any]:
    """What `${ECS_CONTAINER_METADATA_URI_V4}` itself answers."""
    inspected = shown[name]
    state, config = inspected.get("State", {}), inspected.get("Config", {})
    found: dict[str, Any] = {
        "DockerId": inspected.get("Id", ""),
        "Name": name,
        "DockerName": str(inspected.get("Name", "")).removeprefix("/"),
        "Image": _definition(payload, name).get("image", ""),
        "ImageID": inspected.get("Image", ""),
        "Labels": config.get("Labels") or {},
        "DesiredStatus": payload.desired_status.value,
        "KnownStatus": _status(inspected),
        "Limits": _limits(_definition(payload, name)),
        "CreatedAt": inspected.get("Created", ""),
        "Type": "NORMAL",
        "ContainerARN": payload.container_arns.get(name, ""),
        "Networks": _networks(payload, name, shown),
    }
    if state.get("StartedAt", _NEVER) != _NEVER:
        found["StartedAt"] = state["StartedAt"]
    if state.get("FinishedAt", _NEVER) != _NEVER:
        found |= {"FinishedAt": state["FinishedAt"], "ExitCode": state.get("ExitCode", 0)}
    if health := state.get("Health"):
        found["Health"] = {"status": str(health.get("Status", "")).upper()}
    log = _definition(payload, name).get("logConfiguration")
    if log:
        found |= {"LogDriver": log["logDriver"], "LogOptions": dict(log.get("options", {}))}
    return found


def _definition(payload: TaskPayload, name: str) -> Mapping[str, Any]:
    listed = payload.definition["containerDefinitions"]
    found: Mapping[str, Any] = next((each for each in listed if each["name"] == name), {})
    return found


def _status(inspected: Mapping[str, Any]) -> str:
    return _STATUS.get(str(inspected.get("State", {}).get("Status", "")), "PENDING")


def _limits(definition: Mapping[str, Any]) -> dict[str, Any]:
    found = {"CPU": definition.get("cpu", 0), "Memory": definition.get("memory", 0)}
    return {name: value for name, value in found.items() if value}


def _task_limits(definition: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if definition.get("cpu"):
        found["CPU"] = int(definition["cpu"]) / _UNITS_PER_CORE
    if definition.get("memory"):
        found["Memory"] = int(definition["memory"])
    return found


def _networks(payload: TaskPayload, name: str, shown: Shown) -> list[dict[str, Any]]:
    mode = str(payload.definition.get("networkMode") or "bridge")
    holder = shown.get(PAUSE, {}) if mode == "awsvpc" else shown[name]
    networks = (holder.get("NetworkSettings") or {}).get("Networks") or {}
    addresses = [
        each["IPAddress"]
        for label, each in networks.items()
        if each.get("IPAddress") and not label.startswith("moorage-ecs")
    ]
    return [{"NetworkMode": mode, "IPv4Addresses": addresses}]
