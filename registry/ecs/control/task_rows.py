"""Tasks as rows: found, shown, told to stop.

Source: ECS API reference, DescribeTasks, ListTasks, StopTask.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.ecs import arns
from registry.ecs.control import clusters, tags
from registry.ecs.statuses import DesiredStatus, StopCode, TaskStatus
from registry.ecs.store.tables import tasks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.ecs.control.clusters import Cluster

DATES = (
    "connectivityAt",
    "executionStoppedAt",
    "pullStartedAt",
    "pullStoppedAt",
    "startedAt",
    "stoppingAt",
)
"""Members of a task's document that are points in time, kept in seconds since 1970."""
_INTERNAL = frozenset({"network", "protectedUntil"})
_RUNNING, _STOPPED = DesiredStatus.RUNNING.value, DesiredStatus.STOPPED.value


@dataclass(frozen=True, slots=True)
class Task:
    """One task."""

    id: str
    cluster: Cluster
    definition_arn: str
    family: str
    group: str
    service_id: int | None
    deployment_id: str | None
    started_by: str | None
    launch_type: str
    instance_id: str | None
    desired_status: DesiredStatus
    last_status: TaskStatus
    version: int
    document: Mapping[str, Any]
    created_at: datetime
    stopped_at: datetime | None

    @property
    def arn(self) -> str:
        """Its ARN."""
        return arns.task_arn(self.cluster.scope, self.cluster.name, self.id)


def find(connection: sa.Connection, cluster: Cluster, task_id: str) -> Task | None:
    """The task of that id, in that cluster."""
    mine = sa.and_(tasks.c.cluster_id == cluster.id, tasks.c.id == task_id)
    row = connection.execute(sa.select(tasks).where(mine)).first()
    return None if row is None else of(row, cluster)


def by_id(connection: sa.Connection, task_id: str) -> Task | None:
    """The task of that id, in whichever cluster."""
    row = connection.execute(sa.select(tasks).where(tasks.c.id == task_id)).first()
    return None if row is None else of(row, clusters.by_id(connection, row.cluster_id))


def living(connection: sa.Connection) -> list[Task]:
    """All tasks that have not stopped, in the order in which they were made."""
    statement = (
        sa.select(tasks)
        .where(tasks.c.last_status != TaskStatus.STOPPED.value)
        .order_by(tasks.c.created_at, tasks.c.id)
    )
    known: dict[int, Cluster] = {}
    found = []
    for row in connection.execute(statement).all():
        if row.cluster_id not in known:
            known[row.cluster_id] = clusters.by_id(connection, row.cluster_id)
        found.append(of(row, known[row.cluster_id]))
    return found


def of_service(connection: sa.Connection, service_id: int) -> list[Task]:
    """The service's tasks that have not stopped, the oldest first."""
    statement = (
        sa.select(tasks)
        .where(tasks.c.service_id == service_id)
        .where(tasks.c.last_status != TaskStatus.STOPPED.value)
        .order_by(tasks.c.created_at, tasks.c.id)
    )
    rows = connection.execute(statement).all()
    return [of(row, clusters.by_id(connection, row.cluster_id)) for row in rows]


def stop(connection: sa.Connection, task: Task, code: StopCode, reason: str) -> Task:
    """Have a task stop; one that is stopping already keeps its own reason."""
    if task.desired_status is DesiredStatus.STOPPED:
        return task
    document = {
        **task.document,
        "stopCode": code.value,
        "stoppedReason": reason,
        "stoppingAt": datetime.now(UTC).timestamp(),
    }
    status = task.last_status
    if status is TaskStatus.RUNNING:
        status = TaskStatus.DEACTIVATING
    save(connection, task, document, desired=DesiredStatus.STOPPED, status=status)
    found = by_id(connection, task.id)
    assert found is not None  # noqa: S101 - the row was written in this transaction
    return found


def save(
    connection: sa.Connection,
    task: Task,
    document: Mapping[str, Any],
    *,
    desired: DesiredStatus,
    status: TaskStatus,
) -> None:
    """Write a task's next version."""
    values: dict[str, Any] = {
        "document": dict(document),
        "desired_status": desired.value,
        "last_status": status.value,
        "version": task.version + 1,
    }
    if status is TaskStatus.STOPPED and task.stopped_at is None:
        values["stopped_at"] = datetime.now(UTC)
    connection.execute(sa.update(tasks).where(tasks.c.id == task.id).values(values))


def described(connection: sa.Connection, task: Task, include: Sequence[str] = ()) -> dict[str, Any]:
    """As the model's Task."""
    shown = {name: value for name, value in task.document.items() if name not in _INTERNAL}
    for name in DATES:
        if name in shown:
            shown[name] = datetime.fromtimestamp(shown[name], UTC)
    shown |= {
        "taskArn": task.arn,
        "clusterArn": task.cluster.arn,
        "taskDefinitionArn": task.definition_arn,
        "group": task.group,
        "launchType": task.launch_type,
        "desiredStatus": task.desired_status.value,
        "lastStatus": task.last_status.value,
        "version": task.version,
        "createdAt": task.created_at,
        "tags": tags.listed(tags.of(connection, task.arn)) if "TAGS" in include else [],
    }
    if "capacityProviderName" in shown and task.launch_type != "FARGATE":
        del shown["launchType"]
    if task.instance_id is not None:
        scope, name = task.cluster.scope, task.cluster.name
        shown["containerInstanceArn"] = arns.instance_arn(scope, name, task.instance_id)
    if task.started_by is not None:
        shown["startedBy"] = task.started_by
    if task.stopped_at is not None:
        shown["stoppedAt"] = task.stopped_at
    return shown


def of(row: sa.Row[Any], cluster: Cluster) -> Task:
    """The task of a row."""
    return Task(
        id=row.id,
        cluster=cluster,
        definition_arn=row.definition_arn,
        family=row.family,
        group=row.group,
        service_id=row.service_id,
        deployment_id=row.deployment_id,
        started_by=row.started_by,
        launch_type=row.launch_type,
        instance_id=row.instance_id,
        desired_status=DesiredStatus(row.desired_status),
        last_status=TaskStatus(row.last_status),
        version=row.version,
        document=row.document,
        created_at=row.created_at,
        stopped_at=row.stopped_at,
    )
