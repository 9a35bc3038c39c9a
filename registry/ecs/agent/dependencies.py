"""Who waits for whom within a task, and until when.

Sources: API reference, ContainerDependency and ContainerDefinition `startTimeout`;
amazon-ecs-agent, `agent/engine/dependencygraph/graph.go`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from registry.ecs.agent import reasons
from registry.ecs.agent.definition import (
    CREATE,
    HEALTHY,
    START,
    SUCCESS,
    Container,
    Dependency,
    Task,
)
from registry.ecs.agent.facts import EngineState, Known
from registry.ecs.statuses import HealthStatus


def satisfied(container: Container, known: Mapping[str, Known]) -> bool:
    """Whether all that a container waits for is true."""
    return all(_holds(one, known[one.container]) for one in container.dependencies)


def _holds(dependency: Dependency, known: Known) -> bool:
    record, seen = known.record, known.seen
    if record.failure:
        return False
    running = seen is not None and seen.state is EngineState.RUNNING and not record.finished
    match dependency.condition:
        case "CREATE":
            return seen is not None or record.started
        case "START":
            return running or record.started
        case "COMPLETE":
            return record.finished and record.started
        case "SUCCESS":
            return record.finished and record.exit_code == 0
        case _:
            return running and seen is not None and seen.health is HealthStatus.HEALTHY


def hopeless(
    task: Task, container: Container, known: Mapping[str, Known], now: float
) -> str | None:
    """Why what a container waits for can never come true, in the agent's words; or None."""
    for dependency in container.dependencies:
        if dependency.container not in task.containers:
            return reasons.dependency_never_starts(dependency.container, container.name)
        if why := _lost(dependency, container, known[dependency.container]):
            return why
    if known[container.name].seen is None and any(
        deadline <= now for deadline in _deadlines(task, container, known)
    ):
        return _late(task, container, known, now)
    return None


def _lost(dependency: Dependency, container: Container, known: Known) -> str | None:
    record = known.record
    if not record.finished:
        return None
    if not record.started:
        return reasons.dependency_never_starts(dependency.container, container.name)
    failed = dependency.condition == SUCCESS and record.exit_code != 0
    if failed or dependency.condition == HEALTHY:
        return reasons.dependency_unsuccessful(dependency.container, container.name)
    return None


def _late(task: Task, container: Container, known: Mapping[str, Known], now: float) -> str | None:
    for dependency in container.dependencies:
        deadline = _deadline(task, dependency, known)
        if deadline is not None and deadline <= now:
            return reasons.dependency_timed_out(dependency.container, container.name)
    return None


def timeouts(task: Task, known: Mapping[str, Known]) -> Iterator[float]:
    """When waiting will be over for the containers that are not there yet."""
    for container in task.containers.values():
        if known[container.name].seen is None and not known[container.name].record.finished:
            yield from _deadlines(task, container, known)


def _deadlines(task: Task, container: Container, known: Mapping[str, Known]) -> list[float]:
    found = [_deadline(task, dependency, known) for dependency in container.dependencies]
    return [deadline for deadline in found if deadline is not None]


def _deadline(task: Task, dependency: Dependency, known: Mapping[str, Known]) -> float | None:
    other = known[dependency.container]
    waits = task.containers[dependency.container].start_timeout
    if waits is None or dependency.condition in (CREATE, START) or other.record.finished:
        return None
    if _holds(dependency, other) or other.seen is None or other.seen.started_at is None:
        return None
    return other.seen.started_at + waits


def unresolvable(task: Task) -> bool:
    """Whether containers wait for each other in a circle, or for one that is not there."""
    left = {name: {d.container for d in c.dependencies} for name, c in task.containers.items()}
    while ready := [name for name, waits in left.items() if not waits]:
        for name in ready:
            del left[name]
        for waits in left.values():
            waits.difference_update(ready)
    return bool(left)
