"""Events and reasons of services, in AWS's words.

Source: Developer Guide, "Amazon ECS service event messages".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_GUIDE = " For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
UNHEALTHY = "Task failed container health checks"
_CLOSEST = {
    "RESOURCE:CPU": "has insufficient CPU units available.",
    "RESOURCE:MEMORY": "has insufficient memory available.",
    "RESOURCE:PORTS": "is already using a port required by your task.",
    "AGENT": "encountered error 'AGENT'.",
    "ATTRIBUTE": "is missing an attribute required by your task.",
}


def scaling(deployment: str) -> str:
    """The `stoppedReason` of a task that its service has no more need of."""
    return f"Scaling activity initiated by (deployment {deployment})"


def started(service: str, tasks: Sequence[str]) -> str:
    """Tasks were started."""
    return f"(service {service}) has started {len(tasks)} tasks: {_tasks(tasks)}."


def stopped(service: str, tasks: Sequence[str]) -> str:
    """Tasks were told to stop."""
    return f"(service {service}) has stopped {len(tasks)} running tasks: {_tasks(tasks)}."


def steady(service: str) -> str:
    """All is as it is to be."""
    return f"(service {service}) has reached a steady state."


def completed(service: str, deployment: str) -> str:
    """A deployment came to its end."""
    return f"(service {service}) (deployment {deployment}) deployment completed."


def failed(service: str, deployment: str) -> str:
    """The circuit breaker tripped."""
    return (
        f"(service {service}) (deployment {deployment}) deployment failed: tasks failed to start."
    )


def rolling_back(service: str, deployment: str) -> str:
    """An earlier revision is brought back."""
    return f"(service {service}) rolling back to deployment {deployment}."


def unhealthy(service: str, task: str) -> str:
    """A task's health checks failed."""
    return f"(service {service}) (task {task}) failed container health checks."


def inconsistent(service: str) -> str:
    """Tasks failed to start so often that the next ones are waited for."""
    return f"(service {service}) is unable to consistently start tasks successfully.{_GUIDE}"


def blocked(service: str) -> str:
    """The percents leave no way on."""
    return (
        f"(service {service}) was unable to stop or start tasks during a deployment because of the"
        " service deployment configuration. Update the minimumHealthyPercent or maximumPercent"
        " value and try again."
    )


def unplaced(service: str, reason: str, instance: str | None) -> str:
    """No container instance can take a task; `reason` as `failures[].reason` has it."""
    closest = ""
    if instance is not None:
        kind = next((each for each in _CLOSEST if reason.startswith(each)), None)
        why = f"encountered error '{reason}'." if kind is None else _CLOSEST[kind]
        closest = f" The closest matching (container-instance {instance}) {why}"
    return (
        f"(service {service}) was unable to place a task because no container instance met all of"
        f" its requirements.{closest}{_GUIDE}"
    )


def _tasks(tasks: Sequence[str]) -> str:
    return " ".join(f"(task {task})" for task in tasks)
