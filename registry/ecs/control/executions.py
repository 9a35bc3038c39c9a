"""Which container ExecuteCommand means, and whether it can be entered.

Source: ECS API reference, ExecuteCommand, "Errors".
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.aws.errors import ServiceError
from registry.ecs import arns
from registry.ecs.control import clusters, task_rows
from registry.ecs.errors import invalid
from registry.ecs.sessions.tickets import Wanted
from registry.ecs.statuses import ContainerStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.database.database import Database
    from registry.ecs.control.task_rows import Task
    from registry.values.scope import Scope

_NOT_ENABLED = (
    "The execute command failed because execute command was not enabled when the task was run or"
    " the execute command agent isn’t running. Wait and try again or run a new task with execute"
    " command enabled and try again."
)
_NOT_CONNECTED = "The execute command failed due to an internal error. Try again later."


@dataclass(frozen=True, slots=True)
class Execution:
    """What is to run where."""

    cluster_arn: str
    container_arn: str
    task_arn: str
    container: str
    runtime_id: str
    arguments: Sequence[str]

    def wanted(self, principal: str) -> Wanted:
        """The same, of one caller."""
        return Wanted(self.task_arn, self.container, self.runtime_id, self.arguments, principal)


class Executions:
    """Finds what may be entered."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(
        self,
        scope: Scope,
        cluster: str | None,
        given: str,
        container: str | None,
        command: str,
        *,
        interactive: bool,
    ) -> Execution:
        """The container that a caller's names mean. Raises ServiceError."""
        if not interactive:
            raise invalid("Interactive is the only mode supported currently.")
        arguments = _arguments(command)
        with self._database.read() as connection:
            found = clusters.active(connection, scope, cluster)
            task = task_rows.find(connection, found, arns.short_id(scope, given, "task"))
        if task is None:
            raise invalid("The referenced task was not found.")
        chosen = _enterable(task, container)
        return Execution(
            cluster_arn=task.cluster.arn,
            container_arn=chosen["containerArn"],
            task_arn=task.arn,
            container=chosen["name"],
            runtime_id=chosen["runtimeId"],
            arguments=arguments,
        )


def _arguments(command: str) -> list[str]:
    """A command's words, split as the SSM agent does in a container: no shell is asked."""
    try:
        found = shlex.split(command)
    except ValueError as error:
        raise invalid(f"The command can't be split into words: {error}.") from None
    if not found:
        raise invalid("Command cannot be empty.")
    return found


def _enterable(task: Task, name: str | None) -> Mapping[str, Any]:
    containers: list[dict[str, Any]] = task.document["containers"]
    if name is None and len(containers) > 1:
        raise invalid("A container name is required for a task that has several containers.")
    chosen = [each for each in containers if name in {None, each["name"]}]
    if not chosen:
        raise invalid(f"The task has no container named {name}.")
    if not task.document["enableExecuteCommand"]:
        raise invalid(_NOT_ENABLED)
    if chosen[0]["lastStatus"] != ContainerStatus.RUNNING.shown or not chosen[0].get("runtimeId"):
        agents = chosen[0].get("managedAgents", ())
        if any(each["lastStatus"] == "PENDING" for each in agents):
            raise invalid(_NOT_ENABLED)
        raise ServiceError("TargetNotConnectedException", _NOT_CONNECTED)
    return chosen[0]
