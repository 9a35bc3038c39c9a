"""The audit log: who asked for what, and what was decided, as lines of JSON.

A decision is a line of `DATA/audit/YYYY-MM-DD.jsonl` (days in UTC) before its request goes on:
one write(2) to the file that all workers share (O_APPEND). What the kernel has survives `kill -9`;
a thread asks the disk to keep it at least every second and when the server stops, so that a power
cut, or a crash of the whole machine, loses the last second at most.

A log that cannot be written never fails a request: lines wait in memory, are tried again every
second, and those that find no room there are counted as lost (a metric and a log line).
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from registry.domain.audit_events import line

if TYPE_CHECKING:
    from registry.domain.audit_events import Event

CAPACITY = 16_384
"""Lines that wait at most, for each worker, while the disk takes none."""
SECONDS = 1.0
"""How long a line waits at most until the disk is asked to keep it."""
_DAY = 86_400

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

    def __init__(self, folder: Path, seconds: float) -> None:
        """The day is the one in which that time is, in seconds since 1970."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._begin = seconds // _DAY * _DAY
        self.path = day_path(folder, datetime.fromtimestamp(self._begin, UTC).date())
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self.path, flags, 0o600)
        self.changed = False
        """Since the last `sync`."""

    def covers(self, seconds: float) -> bool:
        """Whether that time is in its day."""
        return 0 <= seconds - self._begin < _DAY

    def append(self, data: bytes) -> bytes:
        """Write once; gives back what is still to be written.

        A line that a full disk cut is written again as a whole, on a line of its own.
        Raises OSError.
        """
        written = os.write(self._descriptor, data)
        self.changed = True
        if written == len(data):
            return b""
        whole = data.rfind(b"\n", 0, written) + 1
        return data[whole:] if whole == written else b"\n" + data[whole:]

    def sync(self) -> None:
        """Make durable what was appended. Raises OSError."""
        if self.changed:
            self.changed = False
            os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)


def append(folder: Path, text: str) -> None:
    """Write a line durably, beside what a running server writes. Raises OSError.

    A file that this makes belongs to whom the data belong to, so that a server that runs as
    somebody else than the operator can go on with it.
    """
    file = _File(folder, datetime.now(UTC).timestamp())
    try:
        left = text.encode()
        while left:
            left = file.append(left)
        file.sync()
        if os.geteuid() == 0:
            owner = folder.parent.stat()
            for path in (folder, file.path):
                os.chown(path, owner.st_uid, owner.st_gid)
    finally:
        file.close()


class AuditLog:
    """Takes events from any thread and keeps them, `days` days long."""

    def __init__(self, folder: Path, days: int, capacity: int = CAPACITY) -> None:
        self._folder = folder
        self._days = days
        self._capacity = capacity
        self._waiting: deque[tuple[float, bytes]] = deque()
        """Lines that the disk did not take, each with its time."""
        self._lost = 0
        self._told = 0
        self._file: _File | None = None
        self._past: list[_File] = []
        """Files to which no more is written, still to be made durable and closed."""
        self._begun = False
        """A file was opened since old ones were looked for."""
        self._stop = threading.Event()
        self._writing, self._syncing = threading.Lock(), threading.Lock()
        self._thread: threading.Thread | None = None
        self._on_lost: Lost = lambda _count: None

    def record(self, event: Event) -> None:
        """Write an event. Never raises, and waits for no disk."""
        data = line(event).encode()
        with self._writing:
            if self._waiting:
                self._keep(event.seconds, data)
                return
            try:
                data = self._written(event.seconds, data)
            except OSError:
                self._let_go()
            if data:
                self._keep(event.seconds, data)

    def start(self, on_lost: Lost) -> None:
        """Make durable in a thread from now on."""
        self._on_lost = on_lost
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Make everything durable and stop. A log that cannot be written is told, not raised."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with self._writing:
            self._let_go()
        self.flush()

    def flush(self) -> bool:
        """Write what waits, and make everything durable; whether the disk took all of it."""
        with self._syncing:
            try:
                with self._writing:
                    self._settle()
                    file, past, self._past = self._file, self._past, []
                with ExitStack() as stack:
                    for each in past:
                        stack.callback(each.close)
                    for each in (*past, *([file] if file else [])):
                        each.sync()
                self._forget()
            except OSError as error:
                _log.error("the audit log cannot be written: %s", error.strerror)
                with self._writing:
                    self._let_go()
                return False
            finally:
                self._tell()
        return True

    def _run(self) -> None:
        while not self._stop.wait(SECONDS):
            self.flush()

    def _written(self, seconds: float, data: bytes) -> bytes:
        """Write to the file of its day; what is left is still to be written. Raises OSError."""
        if self._file is None or not self._file.covers(seconds):
            self._let_go()
            self._file = _File(self._folder, seconds)
            self._begun = True
        return self._file.append(data)

    def _settle(self) -> None:
        while self._waiting:
            seconds, data = self._waiting.popleft()
            try:
                data = self._written(seconds, data)
            finally:
                if data:
                    self._waiting.appendleft((seconds, data))

    def _keep(self, seconds: float, data: bytes) -> None:
        if len(self._waiting) >= self._capacity:
            self._lost += 1
        else:
            self._waiting.append((seconds, data))

    def _let_go(self) -> None:
        if self._file is not None:
            self._past.append(self._file)
            self._file = None

    def _forget(self) -> None:
        """Delete files older than what is kept; another worker may have been quicker."""
        if not self._begun:
            return
        self._begun = False
        first = datetime.now(UTC).date() - timedelta(days=self._days)
        for day, path in days_kept(self._folder):
            if day < first:
                path.unlink(missing_ok=True)

    def _tell(self) -> None:
        lost = self._lost - self._told
        if lost:
            self._told += lost
            self._on_lost(lost)
            _log.error("%d audit events were lost: the audit log cannot be written", lost)
