"""ECS's operations on the scale-in protection of tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.ecs import arns
from registry.ecs.service import ecs, in_cluster, scope_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.ecs.control.protection import Protection


def given_tasks(context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """ARNs of the tasks that `tasks` names; all of the cluster's where it names none."""
    scope = scope_of(context)
    cluster = arns.cluster_name(scope, parameters["cluster"])
    given = parameters.get("tasks") or ["*"]
    return tuple(
        arns.task_arn(scope, cluster, arns.short_id(scope, each, "task")) for each in given
    )


class ProtectionOperations:
    """Get, update."""

    def __init__(self, protection: Protection) -> None:
        self._protection = protection

    @ecs.operation(resource=given_tasks, conditions=in_cluster)
    def get_task_protection(
        self, context: Context, *, cluster: str, tasks: Sequence[str] = ()
    ) -> Mapping[str, Any]:
        """Which tasks are protected, with a failure for each that can't be."""
        found, failures = self._protection.get(scope_of(context), cluster, tasks)
        return {"protectedTasks": found, "failures": failures}

    @ecs.operation(resource=given_tasks, conditions=in_cluster)
    def update_task_protection(
        self,
        context: Context,
        *,
        cluster: str,
        tasks: Sequence[str],
        protection_enabled: bool,
        expires_in_minutes: int | None = None,
    ) -> Mapping[str, Any]:
        """Protect tasks for a time, or no more."""
        found, failures = self._protection.update(
            scope_of(context), cluster, tasks, expires_in_minutes, enabled=protection_enabled
        )
        return {"protectedTasks": found, "failures": failures}
