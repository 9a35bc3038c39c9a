"""Events of pulls: noted in memory, and written every second.

A pull changes nothing, and a commit for each would make it slow: so the events of the last second
are lost in a crash. For this reason, and because AWS has none, they are off by default.
"""

from __future__ import annotations

import threading
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from registry.domain.events.event import PULL, Event
from registry.domain.events.happenings import image_event
from registry.domain.events.outbox import record

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.images import Image
    from registry.domain.repositories import Repository
    from registry.values.scope import Scope

CAPACITY = 10_000
"""Pulls that wait to be written at most; those over it are counted as lost."""
SECONDS = 1.0
"""How often they are written."""


class PullEvents:
    """Takes pulls from any thread, and writes their events."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: deque[Event] = deque()
        self._lost = 0
        self._writing = threading.Lock()

    def record(self, repository: Repository, image: Image, tag: str | None) -> None:
        """Take a pull. Never waits, never raises."""
        if len(self._queue) >= CAPACITY:
            self._lost += 1
            return
        more = {"image-tag": tag} if tag else {}
        self._queue.append(image_event(repository, image, PULL, more, datetime.now(UTC)))

    def flush(self) -> int:
        """Write what waits; how many were lost since the last time.

        Raises Unavailable; then nothing is forgotten.
        """
        with self._writing:
            by_registry: dict[Scope, list[Event]] = {}
            waiting = list(self._queue)
            for event in waiting:
                by_registry.setdefault(event.scope, []).append(event)
            if waiting:
                with self._database.write() as connection:
                    for events in by_registry.values():
                        record(connection, *events)
            for _ in waiting:
                self._queue.popleft()
            lost, self._lost = self._lost, 0
            return lost
