"""The event log: each event a line of JSON in `DATA/events/YYYY-MM-DD.jsonl` (days in UTC).

One process writes it at a time. A line is asked to be durable before its row is forgotten, and
what a crash kept from being forgotten is found among the last lines: an event is there once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from registry.domain.audit import day_path, days_kept

if TYPE_CHECKING:
    from pathlib import Path

BATCH_BYTES = 1 << 20
"""Bytes of events that are appended and forgotten together, but for one that alone has more."""
_TAIL = 2 * BATCH_BYTES
_ID = re.compile(rb'"id":"([0-9a-f-]{36})"')


class EventLog:
    """Appends events, and keeps them `days` days long."""

    def __init__(self, folder: Path, days: int) -> None:
        self._folder = folder
        self._days = days

    def last_ids(self) -> frozenset[str]:
        """The ids of the events at the end of what is written."""
        newest = [path for _, path in days_kept(self._folder)][-1:]
        for path in newest:
            with path.open("rb") as file:
                file.seek(max(path.stat().st_size - _TAIL, 0))
                return frozenset(found.decode() for found in _ID.findall(file.read()))
        return frozenset()

    def append(self, lines: Sequence[str]) -> None:
        """Write them and make them durable. Raises OSError."""
        day = datetime.now(UTC).date()
        path = day_path(self._folder, day)
        if not path.exists():
            self._begin(day)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        try:
            left = _cut_short(descriptor) + "".join(f"{line}\n" for line in lines).encode()
            while left:
                left = left[os.write(descriptor, left) :]
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)

    def _begin(self, day: date) -> None:
        """A new day: make its place, drop the days that are over."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for kept, path in days_kept(self._folder):
            if kept <= day - timedelta(days=self._days):
                with suppress(OSError):
                    path.unlink()


def _cut_short(descriptor: int) -> bytes:
    """What ends a line of which a full disk took only the beginning."""
    size = os.fstat(descriptor).st_size
    return b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""
