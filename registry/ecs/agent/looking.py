"""Looking at a task: its journal, its steps in hand, and what the engine shows of it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from registry.ecs.agent.definition import Task
from registry.ecs.agent.engine import Engine
from registry.ecs.agent.facts import Known, seen_of
from registry.ecs.agent.journal import Entry, Journal
from registry.ecs.agent.names import AGENT, Names


class Busy:
    """Which containers a step is being done of."""

    def __init__(self) -> None:
        self._keys: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def begin(self, arn: str, name: str) -> None:
        """A step of it begins."""
        with self._lock:
            self._keys.add((arn, name))

    def end(self, arn: str, name: str) -> None:
        """It is over."""
        with self._lock:
            self._keys.discard((arn, name))

    def of(self, arn: str) -> frozenset[str]:
        """The containers of a task of which a step is being done."""
        with self._lock:
            return frozenset(name for task, name in self._keys if task == arn)


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a task found."""

    entry: Entry
    known: Mapping[str, Known]
    shown: Mapping[str, Mapping[str, Any]]


class Looking:
    """Looks at tasks."""

    def __init__(self, engine: Engine, journal: Journal, names: Names, busy: Busy) -> None:
        self._engine = engine
        self._journal = journal
        self._names = names
        self.busy = busy

    def look(self, task: Task) -> Look | None:
        """All that is known of a task; None if it is gone. Raises what the engine raises.

        The order matters: what is not busy now has no step until this look is acted upon, so
        that journal and engine, read afterwards, are not behind.
        """
        busy = self.busy.of(task.arn)
        entry = self._journal.entry(task.arn)
        if entry is None:
            return None
        known: dict[str, Known] = {}
        shown: dict[str, Mapping[str, Any]] = {}
        for name in task.containers:
            record = entry.record(name)
            found = None if record.finished else self._shown(entry, name)
            if found is not None:
                shown[name] = found
            known[name] = Known(record, seen_of(found) if found else None, name in busy)
        return Look(entry, known, shown)

    def _shown(self, entry: Entry, name: str) -> Mapping[str, Any] | None:
        record = entry.record(name)
        if record.image is None and record.runtime_id is None:
            return None
        found = self._engine.inspect(self._names.container(entry.payload, name))
        labels = (found or {}).get("Config", {}).get("Labels") or {}
        return found if labels.get(AGENT) == self._names.agent else None
