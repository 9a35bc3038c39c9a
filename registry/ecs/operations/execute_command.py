"""ExecuteCommand.

Source: ECS API reference, ExecuteCommand; Developer Guide, "Monitor Amazon ECS containers with ECS
Exec" (one command at a time, as root, with a terminal).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.ecs.operations.tasks import named_tasks
from registry.ecs.service import ecs, in_cluster, named_cluster, scope_of
from registry.ecs.sessions.serving import PATH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.aws.service import Conditions
    from registry.ecs.control.executions import Executions
    from registry.ecs.sessions.tickets import Tickets


def cluster_and_task(context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """Both resources of the action."""
    return (*named_cluster(context, parameters), *named_tasks(context, parameters))


def of_container(context: Context, parameters: Mapping[str, Any]) -> Sequence[Conditions]:
    """`ecs:cluster` and `ecs:container-name` (Service Authorization Reference)."""
    (found,) = in_cluster(context, parameters)
    container = parameters.get("container")
    return ({**found, **({"ecs:container-name": container} if container else {})},)


class ExecuteCommandOperations:
    """Enter a running container."""

    def __init__(self, executions: Executions, tickets: Tickets) -> None:
        self._executions = executions
        self._tickets = tickets

    @ecs.operation(resource=cluster_and_task, conditions=of_container)
    def execute_command(
        self,
        context: Context,
        *,
        command: str,
        interactive: bool,
        task: str,
        cluster: str | None = None,
        container: str | None = None,
    ) -> Mapping[str, Any]:
        """Begin a session, which Session Manager's plugin then connects to."""
        found = self._executions.find(
            scope_of(context), cluster, task, container, command, interactive=interactive
        )
        wanted = found.wanted(context.caller.arn)
        number, token = self._tickets.issue(wanted)
        scheme = "wss" if context.secure else "ws"
        return {
            "clusterArn": found.cluster_arn,
            "containerArn": found.container_arn,
            "containerName": wanted.container,
            "interactive": True,
            "session": {
                "sessionId": number,
                "streamUrl": f"{scheme}://{context.host}{PATH}{number}",
                "tokenValue": token,
            },
            "taskArn": wanted.task_arn,
        }
