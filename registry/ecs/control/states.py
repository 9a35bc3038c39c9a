"""What agents tell, written into the rows of tasks: never down the ladder.

Source: ECS API reference, SubmitTaskStateChange, SubmitContainerStateChange; Developer Guide,
"Task lifecycle".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from registry.ecs.control import task_rows
from registry.ecs.statuses import ContainerStatus, DesiredStatus, HealthStatus, TaskStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from registry.database.database import Database
    from registry.ecs.control.task_rows import Task
    from registry.ecs.protocol import ContainerStateChange, Interface, TaskStateChange


class States:
    """Takes the changes of tasks and containers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def submit_task(self, change: TaskStateChange) -> None:
        """Durable when it returns; of a task that is not known nothing is kept."""
        with self._database.write() as connection:
            task = task_rows.by_id(connection, change.task_arn.rpartition("/")[2])
            if task is None or task.last_status is TaskStatus.STOPPED:
                return
            document = _with_containers(task, change.containers)
            document |= _times(change)
            if change.interface is not None:
                document |= _attached(document, change.interface)
            status = max(task.last_status, change.status, key=lambda each: each.rung)
            desired = task.desired_status
            if not change.status.before(TaskStatus.STOPPING):
                desired = DesiredStatus.STOPPED
                _stopped(document, change)
            _climbed(document, task.last_status, status)
            task_rows.save(connection, task, document, desired=desired, status=status)

    def submit_container(self, change: ContainerStateChange) -> None:
        """Durable when it returns; of a task that is not known nothing is kept."""
        with self._database.write() as connection:
            task = task_rows.by_id(connection, change.task_arn.rpartition("/")[2])
            if task is None or task.last_status is TaskStatus.STOPPED:
                return
            document = _with_containers(task, [change])
            if document == task.document:
                return
            task_rows.save(
                connection, task, document, desired=task.desired_status, status=task.last_status
            )


def _with_containers(task: Task, changes: Sequence[ContainerStateChange]) -> dict[str, Any]:
    by_name = {change.name: change for change in changes}
    containers = [
        _container(shown, by_name[shown["name"]]) if shown["name"] in by_name else shown
        for shown in task.document["containers"]
    ]
    health = _health(shown.get("healthStatus", "UNKNOWN") for shown in containers)
    return {**task.document, "containers": containers, "healthStatus": health}


def _container(shown: Mapping[str, Any], change: ContainerStateChange) -> dict[str, Any]:
    found = {**shown}
    if shown["lastStatus"] != ContainerStatus.STOPPED.shown:
        found["lastStatus"] = change.status.shown
    told = {
        "runtimeId": change.runtime_id,
        "imageDigest": change.image_digest,
        "exitCode": change.exit_code,
        "reason": change.reason,
    }
    found |= {name: value for name, value in told.items() if value is not None}
    if change.health is not HealthStatus.UNKNOWN or "healthStatus" not in found:
        found["healthStatus"] = change.health.value
    if change.network_bindings:
        found["networkBindings"] = list(change.network_bindings)
    if "managedAgents" in found:
        found["managedAgents"] = [_agent(each, change.status) for each in found["managedAgents"]]
    return found


def _agent(shown: Mapping[str, Any], status: ContainerStatus) -> dict[str, Any]:
    if status in (ContainerStatus.RUNNING, ContainerStatus.STOPPED):
        return {**shown, "lastStatus": status.value}
    return dict(shown)


def _health(each: Iterable[str]) -> str:
    """A task is as healthy as its least healthy container that tells."""
    known = {status for status in each if status != HealthStatus.UNKNOWN}
    if HealthStatus.UNHEALTHY in known:
        return HealthStatus.UNHEALTHY.value
    return HealthStatus.HEALTHY.value if known else HealthStatus.UNKNOWN.value


def _times(change: TaskStateChange) -> dict[str, float]:
    told = {
        "pullStartedAt": change.pull_started_at,
        "pullStoppedAt": change.pull_stopped_at,
        "executionStoppedAt": change.execution_stopped_at,
    }
    return {name: moment.timestamp() for name, moment in told.items() if moment is not None}


def _attached(document: Mapping[str, Any], interface: Interface) -> dict[str, Any]:
    """Source: Developer Guide, "Task networking with the awsvpc network mode", `attachments`."""
    address = interface.private_address
    told = {
        "macAddress": interface.mac_address,
        "privateDnsName": f"ip-{address.replace('.', '-')}.ec2.internal",
        "privateIPv4Address": address,
    }
    attachments = []
    for attachment in document["attachments"]:
        details = {each["name"]: each["value"] for each in attachment["details"]} | told
        listed = [{"name": name, "value": value} for name, value in details.items()]
        attachments.append({**attachment, "status": "ATTACHED", "details": listed})
    number = attachments[0]["id"] if attachments else ""
    shown = [{"attachmentId": number, "privateIpv4Address": address}]
    containers = [{**each, "networkInterfaces": shown} for each in document["containers"]]
    return {"attachments": attachments, "containers": containers}


def _stopped(document: dict[str, Any], change: TaskStateChange) -> None:
    """The first reason stands: whoever asked for the stop has given it already."""
    if change.stop_code is not None and "stopCode" not in document:
        document["stopCode"] = change.stop_code.value
    if change.reason is not None and "stoppedReason" not in document:
        document["stoppedReason"] = change.reason
    document.setdefault("stoppingAt", datetime.now(UTC).timestamp())


def _climbed(document: dict[str, Any], before: TaskStatus, now: TaskStatus) -> None:
    moment = datetime.now(UTC).timestamp()
    if before is TaskStatus.PROVISIONING and now is not TaskStatus.PROVISIONING:
        document.setdefault("connectivity", "CONNECTED")
        document.setdefault("connectivityAt", moment)
    if now is TaskStatus.RUNNING and before is not now:
        document.setdefault("startedAt", moment)
        document.setdefault("connectivity", "CONNECTED")
        document.setdefault("connectivityAt", moment)
    if now is TaskStatus.STOPPED:
        document["connectivity"] = "DISCONNECTED"
        document.setdefault("executionStoppedAt", moment)
        gone = [{**each, "status": "DELETED"} for each in document["attachments"]]
        document["attachments"] = gone
        stopped = [{**each, "lastStatus": "STOPPED"} for each in document["containers"]]
        document["containers"] = stopped
