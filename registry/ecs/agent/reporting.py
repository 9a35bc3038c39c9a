"""What the control plane is told of a task: built from what is known, sent when it changed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from registry.ecs.agent.deciding import container_status, task_status
from registry.ecs.agent.definition import Container, Task
from registry.ecs.agent.facts import Known, as_datetime
from registry.ecs.agent.journal import Entry
from registry.ecs.agent.ports import network_bindings
from registry.ecs.protocol import (
    ContainerStateChange,
    ControlPlane,
    Interface,
    TaskStateChange,
)
from registry.ecs.statuses import ContainerStatus, HealthStatus, TaskStatus

_log = logging.getLogger(__name__)


def state_of(
    task: Task,
    entry: Entry,
    known: Mapping[str, Known],
    shown: Mapping[str, Mapping[str, Any]],
    *,
    stopping: bool,
) -> TaskStateChange:
    """The whole state of a task. `shown` is what the engine showed, by container name."""
    status = task_status(task, known, stopping=stopping)
    state = entry.state
    ending = not status.before(TaskStatus.DEACTIVATING)
    return TaskStateChange(
        task_arn=task.arn,
        status=status,
        containers=tuple(_container(task, one, known, shown) for one in task.own),
        stop_code=state.stop_code if ending else None,
        reason=state.stop_reason if ending else None,
        interface=Interface(**state.interface) if state.interface else None,
        pull_started_at=as_datetime(state.pull_started_at),
        pull_stopped_at=as_datetime(state.pull_stopped_at),
        execution_stopped_at=as_datetime(state.execution_stopped_at),
    )


def _container(
    task: Task,
    container: Container,
    known: Mapping[str, Known],
    shown: Mapping[str, Mapping[str, Any]],
) -> ContainerStateChange:
    one = known[container.name]
    status = container_status(one)
    running = status is ContainerStatus.RUNNING
    published = shown.get(container.name) if running else None
    return ContainerStateChange(
        task_arn=task.arn,
        name=container.name,
        status=status,
        runtime_id=one.record.runtime_id or (one.seen.id if one.seen else None),
        image_digest=one.record.digest,
        exit_code=one.record.exit_code if one.record.finished else None,
        reason=one.record.reason if one.record.finished else None,
        health=one.seen.health if one.seen and running else HealthStatus.UNKNOWN,
        network_bindings=tuple(
            network_bindings(container.raw, published, task.network_mode) if published else ()
        ),
        restart_count=one.record.restarts if container.restart else None,
    )


class Reporter:
    """Tells the control plane what changed; after a restart of the agent, everything once."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self._control_plane = control_plane
        self._sent: dict[str, TaskStateChange] = {}
        self._lock = threading.Lock()

    def report(self, change: TaskStateChange) -> bool:
        """Whether the control plane knows the state now. A task's own reports come one at a
        time and in their order."""
        with self._lock:
            sent = self._sent.get(change.task_arn)
        if change == sent:
            return True
        change = _not_down(change, sent)
        try:
            self._send(change, sent)
        except Exception:  # noqa: BLE001 (whatever keeps it from being taken, it is told again)
            _log.exception("the control plane did not take a state of %s", change.task_arn)
            return False
        with self._lock:
            self._sent[change.task_arn] = change
        return True

    def _send(self, change: TaskStateChange, sent: TaskStateChange | None) -> None:
        if sent is None or replace(change, containers=()) != replace(sent, containers=()):
            self._control_plane.submit_task(change)
            return
        for before, now in zip(sent.containers, change.containers, strict=True):
            if before != now:
                self._control_plane.submit_container(now)

    def forget(self, task_arn: str) -> None:
        """The task is gone."""
        with self._lock:
            self._sent.pop(task_arn, None)


def _not_down(change: TaskStateChange, sent: TaskStateChange | None) -> TaskStateChange:
    if sent and change.status.before(sent.status):
        return replace(change, status=sent.status)
    return change
