"""What stopped tasks leave behind is removed: containers, volumes, control groups; and what
carries this agent's mark though no task of its journal knows it."""

from __future__ import annotations

import logging

from registry.ecs.agent.bench import Bench
from registry.ecs.agent.definition import PAUSE, Task
from registry.ecs.agent.engine import EngineRefused, EngineTimeout
from registry.ecs.agent.journal import Entry
from registry.ecs.agent.names import TASK_ARN
from registry.ecs.agent.shaping import SHIPPED

_log = logging.getLogger(__name__)


class Cleaning:
    """Removes what is no longer needed."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def due(self, task: Task, entry: Entry) -> float | None:
        """Seconds until a stopped task is to be cleaned; None when it is clean already."""
        if entry.state.cleaned or entry.state.stopped_at is None:
            return None
        wait = 0.0 if task.fargate else self._bench.settings.cleanup_seconds
        return max(0.0, entry.state.stopped_at + wait - self._bench.clock())

    def clean(self, task: Task, entry: Entry) -> None:
        """Remove a stopped task's traces on the engine. Raises EngineDown."""
        # Those that lean on others go first, the holder of the name spaces last.
        for name in sorted(task.containers, key=lambda one: one == PAUSE):
            self._remove(task, entry, name)
        try:
            self._bench.volumes.remove(task.arn)
        except (EngineRefused, EngineTimeout) as error:
            _log.warning("volumes of %s: %s", task.arn, error)
        self._bench.cgroups.remove(task.arn)
        self._bench.journal.note(task.arn, cleaned=True)

    def _remove(self, task: Task, entry: Entry, name: str) -> None:
        record = entry.record(name)
        logs = task.containers[name].raw.get("logConfiguration") or {}
        if logs.get("logDriver") == SHIPPED and record.runtime_id:
            self._bench.others.logs.finish(record.runtime_id, self._bench.settings.drain_seconds)
        try:
            self._bench.engine.remove(self._bench.names.container(entry.payload, name))
        except (EngineRefused, EngineTimeout) as error:
            _log.warning("container %s of %s: %s", name, task.arn, error)

    def remove_strangers(self) -> None:
        """Stop and remove containers that carry this agent's mark and whose task nobody knows;
        then the volumes of such tasks. Raises EngineDown."""
        # Listed first: a task that is accepted meanwhile is known before its containers exist.
        listed = self._bench.engine.containers(self._bench.names.mine)
        known = set(self._bench.journal.arns())
        strangers = {one["Labels"].get(TASK_ARN, "") for one in listed} - known
        for one in listed:
            if one["Labels"].get(TASK_ARN, "") in strangers:
                _log.warning("removing container %s of an unknown task", one["Names"])
                self._bench.engine.remove(one["Id"])
        for arn in strangers:
            self._bench.volumes.remove(arn)
            self._bench.cgroups.remove(arn)
