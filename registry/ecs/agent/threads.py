"""Threads that do the agent's work: a bounded pool, and a timetable with one turn at a time
for each task."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

_log = logging.getLogger(__name__)
Job = Callable[[], None]


class Pool:
    """So many threads that do jobs in their order. They are daemons: a job that waits for a
    machine which never answers does not keep the process alive, and no job minds being cut off.
    """

    def __init__(self, name: str, size: int) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True)
            for number in range(size)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job) -> None:
        """Do it as soon as a thread is free."""
        self._jobs.put(job)

    def close(self, timeout: float) -> None:
        """Take no more, and wait this many seconds for what is being done."""
        for _ in self._threads:
            self._jobs.put(None)
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception:  # noqa: BLE001 (a thread outlives its jobs)
                _log.exception("a job of the agent failed")


class Timetable:
    """Gives every key its turns: when it is woken, and when it asked to be looked at again.

    A key has one turn at a time; woken during a turn, it gets another one after it.
    """

    def __init__(self, turn: Callable[[str], float | None], pool: Pool) -> None:
        self._turn = turn
        self._pool = pool
        self._due: dict[str, float] = {}
        self._running: set[str] = set()
        self._condition = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="agent-timetable", daemon=True)

    def start(self) -> None:
        """Begin to give turns."""
        self._thread.start()

    def wake(self, key: str, after: float = 0.0) -> None:
        """A turn for this key, so many seconds from now or earlier."""
        at = time.monotonic() + after
        with self._condition:
            self._due[key] = min(at, self._due.get(key, at))
            self._condition.notify()

    def close(self) -> None:
        """No more turns begin."""
        with self._condition:
            self._closed = True
            self._condition.notify()
        if self._thread.ident is not None:
            self._thread.join(5)

    def _run(self) -> None:
        with self._condition:
            while not self._closed:
                now = time.monotonic()
                waiting = {k: at for k, at in self._due.items() if k not in self._running}
                for key in [k for k, at in waiting.items() if at <= now]:
                    del self._due[key], waiting[key]
                    self._running.add(key)
                    self._pool.submit(lambda key=key: self._take(key))  # type: ignore[misc]  # bound at once
                self._condition.wait(min(waiting.values()) - now if waiting else None)

    def _take(self, key: str) -> None:
        again: float | None = None
        try:
            if not self._closed:
                again = self._turn(key)
        finally:
            with self._condition:
                self._running.discard(key)
                self._condition.notify()
        if again is not None:
            self.wake(key, again)
