"""Scale-in protection of a service's tasks.

Source: ECS API reference, GetTaskProtection, UpdateTaskProtection.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from registry.ecs import arns
from registry.ecs.control import clusters, task_rows
from registry.ecs.errors import invalid
from registry.ecs.statuses import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sqlalchemy as sa

    from registry.database.database import Database
    from registry.ecs.control.clusters import Cluster
    from registry.ecs.control.task_rows import Task
    from registry.values.scope import Scope

MINUTES, MINUTES_MAX, TASKS_MAX = 120, 2880, 10
Found = tuple[list[dict[str, Any]], list[dict[str, Any]]]
"""ProtectedTasks and failures, as the model has them."""


class Protection:
    """Keeps tasks from being stopped by scaling and deployments, for a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, scope: Scope, cluster: str, given: Sequence[str]) -> Found:
        """Which of these tasks are protected, and until when. Raises ServiceError."""
        with self._database.read() as connection:
            home = clusters.active(connection, scope, cluster)
            tasks, failures = _tasks(connection, home, given)
            return [_shown(task) for task in tasks], failures

    def update(
        self,
        scope: Scope,
        cluster: str,
        given: Sequence[str],
        minutes: int | None,
        *,
        enabled: bool,
    ) -> Found:
        """Protect these tasks for so many minutes, or no more. Raises ServiceError."""
        if minutes is not None and not 1 <= minutes <= MINUTES_MAX:
            raise invalid(f"expiresInMinutes must be between 1 and {MINUTES_MAX}.")
        until = time.time() + (minutes or MINUTES) * 60
        with self._database.write() as connection:
            home = clusters.active(connection, scope, cluster)
            tasks, failures = _tasks(connection, home, given)
            changed = []
            for task in tasks:
                document = {**task.document, "protectedUntil": until if enabled else None}
                task_rows.save(
                    connection,
                    task,
                    document,
                    desired=task.desired_status,
                    status=task.last_status,
                )
                changed.append(task_rows.by_id(connection, task.id))
            return [_shown(task) for task in changed if task is not None], failures


def _tasks(
    connection: sa.Connection, cluster: Cluster, given: Sequence[str]
) -> tuple[list[Task], list[dict[str, Any]]]:
    if not 0 < len(given) <= TASKS_MAX:
        raise invalid(f"Specify from 1 to {TASKS_MAX} tasks.")
    found, failures = [], []
    for each in given:
        task_id = arns.short_id(cluster.scope, each, "task")
        task = task_rows.find(connection, cluster, task_id)
        arn = arns.task_arn(cluster.scope, cluster.name, task_id)
        if task is None or task.last_status is TaskStatus.STOPPED:
            failures.append({"arn": arn, "reason": "MISSING"})
        elif task.service_id is None:
            detail = "Task protection is only for the tasks of a service."
            failures.append({"arn": arn, "reason": "TASK_NOT_VALID", "detail": detail})
        else:
            found.append(task)
    return found, failures


def _shown(task: Task) -> dict[str, Any]:
    until = task.document.get("protectedUntil")
    if until is None or until <= time.time():
        return {"taskArn": task.arn, "protectionEnabled": False}
    expires = datetime.fromtimestamp(until, UTC)
    return {"taskArn": task.arn, "protectionEnabled": True, "expirationDate": expires}
