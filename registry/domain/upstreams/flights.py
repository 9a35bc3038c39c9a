"""One thread does a thing, and everybody who wants it meanwhile waits for its outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """What is under way in this process."""

    def __init__(self, at_once: int) -> None:
        """`at_once` threads work at most; the others wait for their turn."""
        self._lock = threading.Lock()
        self._flights: dict[Hashable, T] = {}
        self._room = threading.Semaphore(at_once)

    def join(self, key: Hashable, begin: Callable[[], T], work: Callable[[T], None]) -> T:
        """What is under way for the key; else `begin()`, on which a new thread works.

        `work` must not raise: its outcome is part of what it works on.
        """
        with self._lock:
            found = self._flights.get(key)
            if found is not None:
                return found
            found = self._flights[key] = begin()
        thread = threading.Thread(
            target=self._run, args=(key, found, work), name="moorage-upstream", daemon=True
        )
        thread.start()
        return found

    def _run(self, key: Hashable, flight: T, work: Callable[[T], None]) -> None:
        try:
            with self._room:
                work(flight)
        finally:
            with self._lock:
                del self._flights[key]


def running() -> Future[None]:
    """A future that nobody can cancel: others may wait for it too."""
    future: Future[None] = Future()
    future.set_running_or_notify_cancel()
    return future


def resolve(future: Future[None], work: Callable[[], object]) -> None:
    """Give the future the outcome of the work."""
    try:
        work()
    except BaseException as error:  # noqa: BLE001 - whoever waits for the future gets it
        future.set_exception(error)
    else:
        future.set_result(None)
