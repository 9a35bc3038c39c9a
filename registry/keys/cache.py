"""A brief memory for unwrapped data keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from threading import Lock


class DataKeyCache:
    """At most `limit` data keys, each for at most `seconds`; the oldest goes first.

    Age counts from when a key was put in, not from its last use, so that the entries stand
    in the order of their expiry and every `put` drops all that have expired.
    """

    def __init__(
        self,
        limit: int = 1024,
        seconds: float = 300,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._seconds = seconds
        self._clock = clock
        self._entries: dict[Hashable, tuple[float, bytes]] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, name: Hashable) -> bytes | None:
        """The key put in under that name, unless it expired or was dropped."""
        entry = self._entries.get(name)
        return entry[1] if entry is not None and entry[0] > self._clock() else None

    def put(self, name: Hashable, key: bytes) -> None:
        """Remember a key from now on."""
        now = self._clock()
        with self._lock:
            self._entries.pop(name, None)
            self._entries[name] = (now + self._seconds, key)
            while len(self._entries) > self._limit or self._oldest_expired(now):
                del self._entries[next(iter(self._entries))]

    def _oldest_expired(self, now: float) -> bool:
        return next(iter(self._entries.values()))[0] <= now
