"""Who fetches what: one process at a time, by a row that it renews while it works.

Where a process crashed, its rows run out soon, and another one begins anew. One that stood
still for longer than that does no harm: what two fetch is stored once.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import upstream_leases as table
from registry.values.errors import Unavailable

if TYPE_CHECKING:
    from registry.database.database import Database

HELD = timedelta(seconds=15)
"""How long a lease lasts without being renewed."""
_RENEWED_EVERY = HELD / 4
_LOOK_SECONDS = 0.1
"""How often one who waits for another process looks."""


class Leases:
    """Those of one process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._holder = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._held: set[str] = set()
        self._renewing = False

    @contextmanager
    def held(self, key: str, done: Callable[[], bool]) -> Iterator[bool]:
        """Whether the thing is to be done in the block, by this process alone.

        While another one is at it this waits: False once it is `done()`.
        """
        pause = threading.Event()
        while not self._take(key):
            pause.wait(_LOOK_SECONDS)
            if done():
                yield False
                return
        try:
            yield not done()
        finally:
            self._release(key)

    def _take(self, key: str) -> bool:
        now = datetime.now(UTC)
        with self._database.read() as connection:
            if _taken(connection, key, now):
                return False
        with self._database.write() as connection:
            if _taken(connection, key, now):
                return False
            connection.execute(sa.delete(table).where(table.c.key == key))
            row = {"key": key, "holder": self._holder, "held_until": now + HELD}
            connection.execute(sa.insert(table).values(row))
        with self._lock:
            self._held.add(key)
            begin, self._renewing = not self._renewing, True
        if begin:
            threading.Thread(target=self._renew, name="moorage-leases", daemon=True).start()
        return True

    def _release(self, key: str) -> None:
        with self._lock:
            self._held.discard(key)
        mine = sa.delete(table).where(table.c.key == key, table.c.holder == self._holder)
        with suppress(Unavailable), self._database.write() as connection:
            connection.execute(mine)  # else it runs out

    def _renew(self) -> None:
        """Until nothing is held any more, in a thread of its own."""
        pause = threading.Event()
        while True:
            pause.wait(_RENEWED_EVERY.total_seconds())
            with self._lock:
                held = sorted(self._held)
                self._renewing = bool(held)
            if not held:
                return
            until = {"held_until": datetime.now(UTC) + HELD}
            mine = sa.update(table).where(table.c.holder == self._holder, table.c.key.in_(held))
            with suppress(Unavailable), self._database.write() as connection:
                connection.execute(mine.values(until))


def _taken(connection: sa.Connection, key: str, now: datetime) -> bool:
    query = sa.select(table.c.key).where(table.c.key == key, table.c.held_until > now)
    return connection.execute(query).first() is not None
