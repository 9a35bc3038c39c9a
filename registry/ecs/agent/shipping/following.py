"""Following one container: a thread reads its output, another one sends it.

Between them is a queue with an end: where nothing can be sent, nothing more is read, and the
output waits in the engine's files.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from registry.ecs.agent.shipping.batches import EVENTS_MAX
from registry.ecs.agent.shipping.entries import Entry
from registry.ecs.agent.shipping.journal import Followed
from registry.ecs.agent.shipping.lines import Event, Joiner
from registry.ecs.agent.shipping.marks import Mark, Reading
from registry.ecs.agent.shipping.output import FAILURES, Output, State, Told
from registry.ecs.agent.shipping.sending import Sending

_log = logging.getLogger("moorage.ecs.logs")

INTERVAL = 1.0
"""Seconds that an event waits for others at most."""
MULTILINE_SECONDS = 5.0
"""Seconds that an event of several lines waits for a further one."""
_WAITING = 512
"""Entries between the two threads: at most 8 MiB."""
_EVENTS_AT_ONCE = EVENTS_MAX
_BYTES_AT_ONCE = 1_000_000
_LOOK = 0.2
_LOOK_MAX = 1.0
_PATIENCE = 60.0
"""Seconds for which a run that was announced is looked for."""


class _Item(NamedTuple):
    entry: Entry
    mark: Mark


_END = None
"""In the queue: everything that a run of the container wrote has come."""


class Following:
    """One container, from its creation to its end."""

    def __init__(
        self,
        followed: Followed,
        output: Output,
        joiner: Joiner,
        sending: Callable[[threading.Event], Sending],
        keep: Callable[[dict[str, Mark]], None],
    ) -> None:
        """`keep` writes down durably how far everything was sent."""
        self._id = followed.runtime_id
        self._output = output
        self._joiner = joiner
        self._keep = keep
        self._stop = threading.Event()
        self._awake = threading.Event()
        self._finishing = threading.Event()
        self._done = threading.Event()
        self._reading = Reading(dict(followed.marks))
        self._queue: queue.Queue[_Item | None] = queue.Queue(_WAITING)
        self._sending = sending(self._stop)
        self._told: Told | None = None
        self._threads = [
            threading.Thread(target=self._read, name=f"logs-read-{self._id[:12]}", daemon=True),
            threading.Thread(target=self._send, name=f"logs-send-{self._id[:12]}", daemon=True),
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """The container is about to run, once more perhaps."""
        self._awake.set()

    def finish(self, timeout: float) -> bool:
        """The container runs no more: whether all it wrote was sent in time."""
        self._finishing.set()
        self._awake.set()
        return self._done.wait(timeout)

    def close(self) -> None:
        """Stop at once. What was not sent is found again by who comes next."""
        self._stop.set()
        self._awake.set()
        if (told := self._told) is not None:
            told.close()
        for thread in self._threads:
            if thread.is_alive() and thread is not threading.current_thread():
                thread.join(10)

    # Reading.

    def _read(self) -> None:
        run = ""
        while not self._stop.is_set():
            state = self._await_run(run)
            if state is None:
                self._put(_END)
                if self._finishing.is_set():
                    return
                self._awake.wait()
                self._awake.clear()
            elif self._tell(state) and self._still(state):
                # Asked for after it had ended, so that was all of it.
                run = state.started_at
                self._put(_END)

    def _still(self, state: State) -> bool:
        """Whether the container has ended and was not started again since."""
        if state.runs:
            return False
        try:
            return self._output.state(self._id) in (state, None)
        except FAILURES:
            return False

    def _await_run(self, before: str) -> State | None:
        """The container's state once it has begun a run after `before`; None if none comes."""
        wait, until = _LOOK, time.monotonic() + _PATIENCE
        while not self._stop.is_set() and time.monotonic() < until:
            try:
                state = self._output.state(self._id)
            except FAILURES as error:
                _log.debug("the engine does not answer: %s", error)
                self._stop.wait(_LOOK_MAX)
                continue
            if state is None:
                return None
            if state.status != "created" and state.started_at != before:
                return state
            if self._finishing.is_set():
                return None
            self._stop.wait(wait)
            wait = min(wait * 1.5, _LOOK_MAX)
        return None

    def _tell(self, state: State) -> bool:
        """Read what there is and what comes; whether the stream came to its own end."""
        self._reading.anew()
        try:
            self._told = told = self._output.tell(self._id, state, self._reading.since)
        except FAILURES as error:
            _log.warning("no output of container %s: %s", self._id[:12], error)
            self._stop.wait(_LOOK_MAX)
            return False
        try:
            for entry in told:
                mark = self._reading.mark(entry)
                if mark is not None and not self._put(_Item(entry, mark)):
                    return False
        except FAILURES as error:
            if not self._stop.is_set():
                _log.warning("the output of container %s broke off: %s", self._id[:12], error)
                self._stop.wait(_LOOK)
            return False
        finally:
            told.close()
        return True

    def _put(self, item: _Item | None) -> bool:
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=_LOOK)
            except queue.Full:
                continue
            return True
        return False

    # Sending.

    def _send(self) -> None:
        gathered: list[Event] = []
        size = 0
        due = 0.0
        while not self._stop.is_set():
            now = time.monotonic()
            new, ended = self._take(now)
            if new and not gathered:
                due = now + INTERVAL
            gathered += new
            size += sum(len(event.message) for event in new)
            full = len(gathered) >= _EVENTS_AT_ONCE or size >= _BYTES_AT_ONCE
            if gathered and (ended or full or now >= due):
                if not self._sending.send(gathered, self._sent):
                    return
                gathered, size = [], 0
            if ended and self._finishing.is_set() and self._queue.empty():
                self._done.set()
                return

    def _take(self, now: float) -> tuple[list[Event], bool]:
        """The events of the next entry, and whether the container ended with it."""
        found = list(self._joiner.flush(now - MULTILINE_SECONDS))
        try:
            item = self._queue.get(timeout=_LOOK)
        except queue.Empty:
            return found, False
        if item is _END:
            return [*found, *self._joiner.end()], True
        return [*found, *self._joiner.feed(item.entry, item.mark, now)], False

    def _sent(self, batch: Sequence[Event]) -> None:
        marks = {event.source: event.mark for event in batch if event.mark is not None}
        if marks:
            self._keep(marks)
