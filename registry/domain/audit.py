"""The audit log: who asked for what, and what was decided, as lines of JSON.

A request only puts what it knows into a queue in memory (a few microseconds); a thread writes
it to `DATA/audit/YYYY-MM-DD.jsonl` (days in UTC), at least every second and when the server
stops. Every worker appends whole batches of lines to the same file, each in one write
(O_APPEND), and asks the disk to keep them before it takes the next batch: a crash of the
machine, or `kill -9`, loses the last second at most.

A log that cannot be written never fails a request: lines wait in memory, are tried again every
second, and those that find the queue full are counted as lost (a metric and a log line).
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from registry.domain.audit_events import line

if TYPE_CHECKING:
    from registry.domain.audit_events import Event

CAPACITY = 16_384
"""Events that wait at most, for each worker."""
SECONDS = 1.0
"""How long an event waits at most, where the disk takes it."""
_BATCH = 1024
_DAY = 86_400
_BETWEEN = 0.2

_log = logging.getLogger("moorage.audit")

Lost = Callable[[int], None]
"""Told how many events were lost since it was told last."""


def day_path(folder: Path, day: date) -> Path:
    """The file of a day."""
    return folder / f"{day.isoformat()}.jsonl"


def days_kept(folder: Path) -> Iterator[tuple[date, Path]]:
    """The files of a log with their days, the oldest first."""
    for path in sorted(folder.glob("????-??-??.jsonl")):
        with suppress(ValueError):
            yield date.fromisoformat(path.stem), path


class _File:
    """The file of a day, open for appending."""

    def __init__(self, folder: Path, day: date) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self.day = day
        self._descriptor = os.open(day_path(folder, day), flags, 0o600)

    def append(self, data: bytes) -> bytes:
        """Write once and make it durable; gives back what is still to be written.

        A line that a full disk cut is written again as a whole, on a line of its own.
        Raises OSError.
        """
        written = os.write(self._descriptor, data)
        os.fdatasync(self._descriptor)
        whole = data.rfind(b"\n", 0, written) + 1
        return data[whole:] if whole == written else b"\n" + data[whole:]

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)


def append(folder: Path, text: str) -> None:
    """Write a line durably, beside what a running server writes. Raises OSError.

    A file that this makes belongs to whom the data belong to, so that a server that runs as
    somebody else than the operator can go on with it.
    """
    file = _File(folder, datetime.now(UTC).date())
    try:
        left = text.encode()
        while left:
            left = file.append(left)
        if os.geteuid() == 0:
            owner = folder.parent.stat()
            for path in (folder, day_path(folder, file.day)):
                os.chown(path, owner.st_uid, owner.st_gid)
    finally:
        file.close()


class AuditLog:
    """Takes events from any thread and keeps them, `days` days long."""

    def __init__(self, folder: Path, days: int, capacity: int = CAPACITY) -> None:
        self._folder = folder
        self._days = days
        self._capacity = capacity
        self._queue: deque[Event] = deque()
        self._pending = b""
        """Lines taken from the queue and not yet written."""
        self._lost = 0
        self._told = 0
        self._file: _File | None = None
        self._wake, self._stop = threading.Event(), threading.Event()
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._on_lost: Lost = lambda _count: None

    def record(self, event: Event) -> None:
        """Take an event. Never waits, never raises."""
        if len(self._queue) >= self._capacity:
            self._lost += 1
            return
        self._queue.append(event)
        if len(self._queue) == self._capacity // 2:
            self._wake.set()

    def start(self, on_lost: Lost) -> None:
        """Write in a thread from now on."""
        self._on_lost = on_lost
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what waits and stop. A log that cannot be written is told, not raised."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.flush()
        with self._writing:
            self._let_go()

    def flush(self) -> bool:
        """Write what waits, now; whether the disk took all of it."""
        with self._writing:
            try:
                while self._pending or self._queue:
                    self._write_batch()
            except OSError as error:
                _log.error("the audit log cannot be written: %s", error.strerror)
                self._let_go()
                return False
            finally:
                self._tell()
        return True

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(SECONDS - _BETWEEN)
            self._wake.clear()
            self.flush()
            self._stop.wait(_BETWEEN)

    def _write_batch(self) -> None:
        if self._pending and self._file is None:
            self._open(datetime.now(UTC).date())
        if not self._pending:
            self._take()
        while self._pending and self._file is not None:
            self._pending = self._file.append(self._pending)

    def _take(self) -> None:
        """The next lines of one day from the queue, and the file of that day."""
        first = self._queue[0].seconds
        day = datetime.fromtimestamp(first, UTC).date()
        midnight = datetime.combine(day, datetime.min.time(), UTC).timestamp() + _DAY
        if self._file is None or self._file.day != day:
            self._open(day)
        lines: list[str] = []
        while self._queue and len(lines) < _BATCH and self._queue[0].seconds < midnight:
            lines.append(line(self._queue.popleft()))
        self._pending = "".join(lines).encode()

    def _open(self, day: date) -> None:
        self._let_go()
        self._file = _File(self._folder, day)
        self._forget()

    def _let_go(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _forget(self) -> None:
        """Delete files older than what is kept; another worker may have been quicker."""
        first = datetime.now(UTC).date() - timedelta(days=self._days)
        for day, path in days_kept(self._folder):
            if day < first:
                path.unlink(missing_ok=True)

    def _tell(self) -> None:
        lost = self._lost - self._told
        if lost:
            self._told += lost
            self._on_lost(lost)
            _log.error("%d audit events were lost: the audit log cannot keep up", lost)
