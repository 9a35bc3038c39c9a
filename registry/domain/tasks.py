"""Work that one process at a time does: a lease in a row, and where to go on.

A holder renews its lease while it works. One that crashed loses it when its time is over, and
whoever takes it next goes on from the rows. A holder that stood still for longer than that
finds out at its next `renew`; each step must be safe even then.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.database.database import Database

HELD = timedelta(seconds=60)
"""How long a lease lasts without being renewed, where nothing else is said."""
_RENEWED_AFTER = HELD / 4

State = dict[str, Any]


def now() -> datetime:
    """The clock of everybody who has no other."""
    return datetime.now(UTC)


def free(database: Database, name: str) -> None:
    """Let anybody begin at once: whoever held the lease is known to be no more."""
    mine = sa.update(tasks).where(tasks.c.name == name)
    with database.write() as connection:
        connection.execute(mine.values(holder=None, held_until=None))


class Task:
    """One kind of work, as one process sees it. Not for several threads at once."""

    def __init__(
        self,
        database: Database,
        name: str,
        clock: Callable[[], datetime] = now,
        held: timedelta = HELD,
    ) -> None:
        """`held` is how long the lease lasts without being renewed."""
        self._database = database
        self._name = name
        self._clock = clock
        self._held = held
        self._holder = uuid.uuid4().hex
        self._renewed = datetime.min.replace(tzinfo=UTC)

    def take(self, every: timedelta = timedelta(0)) -> bool:
        """Begin, unless somebody else works at it, or it was finished less than `every` ago."""
        with self._database.read() as connection:
            if not self._free(connection, every):
                return False
        with self._database.write() as connection:
            if not self._free(connection, every):
                return False
            if self._row(connection) is None:
                connection.execute(sa.insert(tasks).values(name=self._name, state={}))
            self._hold(connection)
        return True

    def renew(self) -> bool:
        """Go on; False if somebody else has taken over, and then this one must stop."""
        if self._clock() - self._renewed < min(_RENEWED_AFTER, self._held / 4):
            return True
        with self._database.write() as connection:
            return self._hold(connection, mine=True)

    def release(self, *, finished: bool) -> None:
        """Let others begin; `finished` says that there was nothing left to do."""
        values: State = {"holder": None, "held_until": None}
        if finished:
            values["finished_at"] = self._clock()
        with self._database.write() as connection:
            connection.execute(self._update().where(tasks.c.holder == self._holder).values(values))

    def state(self) -> State:
        """What was saved last."""
        with self._database.read() as connection:
            row = self._row(connection)
        return {} if row is None else dict(row.state)

    def save(self, state: State) -> bool:
        """Keep where to go on; False if somebody else has taken over."""
        with self._database.write() as connection:
            if not self._hold(connection, mine=True):
                return False
            connection.execute(self._update().values(state=state))
        return True

    def _free(self, connection: sa.Connection, every: timedelta) -> bool:
        row = self._row(connection)
        if row is None:
            return True
        moment = self._clock()
        held = row.held_until is not None and row.held_until > moment
        if held and row.holder != self._holder:
            return False
        return row.finished_at is None or row.finished_at + every <= moment

    def _hold(self, connection: sa.Connection, *, mine: bool = False) -> bool:
        moment = self._clock()
        statement = self._update().values(holder=self._holder, held_until=moment + self._held)
        if mine:
            statement = statement.where(tasks.c.holder == self._holder)
        held = connection.execute(statement).rowcount == 1
        self._renewed = moment if held else datetime.min.replace(tzinfo=UTC)
        return held

    def _row(self, connection: sa.Connection) -> sa.Row[Any] | None:
        return connection.execute(sa.select(tasks).where(tasks.c.name == self._name)).first()

    def _update(self) -> sa.Update:
        return sa.update(tasks).where(tasks.c.name == self._name)
