"""What each target has still to get, in order; and what it never took: dead letters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import event_deliveries, event_targets

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.events.targets import Target

MOST = 100_000
"""Deliveries that wait for one target, and as many dead letters: the oldest make room."""
DEAD_KEPT = timedelta(days=14)
EXPIRED = "not taken in time"
CROWDED = f"more than {MOST:,} others waited"

_OF, _TARGETS = event_deliveries.c, event_targets.c


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one target."""

    id: int
    event_id: str
    body: str
    created_at: datetime
    attempts: int
    dead_at: datetime | None
    error: str | None

    @property
    def event(self) -> dict[str, Any]:
        """What it says."""
        return dict(json.loads(self.body))


@dataclass(frozen=True, slots=True)
class Load:
    """How much a target has before it."""

    waiting: int = 0
    dead: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that failed: why, when the next one is, and whether there is none."""

    delivery: Delivery
    error: str
    next_at: datetime
    final: bool


class Queue:
    """Reads and settles deliveries. `kept` is how long one is tried."""

    def __init__(self, database: Database, kept: timedelta) -> None:
        self._database = database
        self._kept = kept

    def due(self, moment: datetime) -> list[int]:
        """Ids of the targets that something waits for, and that may be tried now."""
        waits = sa.exists().where(_OF.event_target_id == _TARGETS.id, _OF.dead_at.is_(None))
        ready = sa.or_(_TARGETS.next_at.is_(None), _TARGETS.next_at <= moment)
        with self._database.read() as connection:
            found = connection.execute(sa.select(_TARGETS.id).where(ready, waits))
            return list(found.scalars())

    def batch(self, target_id: int, limit: int) -> list[Delivery]:
        """What the target gets next."""
        mine = (_OF.event_target_id == target_id, _OF.dead_at.is_(None))
        query = sa.select(event_deliveries).where(*mine).order_by(_OF.id).limit(limit)
        with self._database.read() as connection:
            return [_delivery(row) for row in connection.execute(query)]

    def settle(
        self, target_id: int, taken: Sequence[Delivery], failure: Failure | None = None
    ) -> None:
        """Forget what the target took, and note what failed."""
        target = sa.update(event_targets).where(_TARGETS.id == target_id)
        with self._database.write() as connection:
            if taken:
                ids = [each.id for each in taken]
                connection.execute(sa.delete(event_deliveries).where(_OF.id.in_(ids)))
                well = target.where(_TARGETS.failures > 0)
                connection.execute(well.values(failures=0, next_at=None, error=None))
            if failure is not None:
                connection.execute(_tried(failure))
                again = None if failure.final else failure.next_at
                more = {"failures": _TARGETS.failures + 1, "error": failure.error}
                connection.execute(target.values(next_at=again, **more))

    def sweep(self, moment: datetime) -> int:
        """Give up what is too old or too much; how many dead letters were dropped."""
        waiting, dead = _OF.dead_at.is_(None), _OF.dead_at.isnot(None)
        late = sa.and_(waiting, _OF.created_at < moment - self._kept)
        stale = sa.and_(dead, _OF.dead_at < moment - DEAD_KEPT)
        with self._database.read() as connection:
            loads = _loads(connection)
            both = sa.or_(late, stale)
            due = connection.execute(sa.select(_OF.id).where(both).limit(1)).first()
        crowded = any(max(load.waiting, load.dead) > MOST for load in loads.values())
        if due is None and not crowded:
            return 0
        with self._database.write() as connection:
            connection.execute(_given_up(late, moment, EXPIRED))
            dropped = connection.execute(sa.delete(event_deliveries).where(stale)).rowcount
            for target_id, load in _loads(connection).items():
                mine = _OF.event_target_id == target_id
                over = _oldest(sa.and_(mine, waiting), load.waiting - MOST)
                connection.execute(_given_up(_OF.id.in_(over), moment, CROWDED))
                extra = load.dead + max(load.waiting - MOST, 0) - MOST
                oldest = _oldest(sa.and_(mine, dead), extra)
                gone = sa.delete(event_deliveries).where(_OF.id.in_(oldest))
                dropped += connection.execute(gone).rowcount
        return dropped

    def loads(self) -> dict[int, Load]:
        """By target, how much waits and how much is given up."""
        with self._database.read() as connection:
            return _loads(connection)

    def dead(self, target: Target, after: int, limit: int) -> list[Delivery]:
        """At most `limit` dead letters of a target, behind the one with that id."""
        mine = (_OF.event_target_id == target.id, _OF.dead_at.isnot(None), _OF.id > after)
        query = sa.select(event_deliveries).where(*mine).order_by(_OF.id).limit(limit)
        with self._database.read() as connection:
            return [_delivery(row) for row in connection.execute(query)]

    def retry(self, target: Target, moment: datetime, event_id: str | None = None) -> int:
        """Try dead letters again, before everything else; how many. None: all of them."""
        mine = sa.and_(_OF.event_target_id == target.id, _OF.dead_at.isnot(None))
        if event_id is not None:
            mine = sa.and_(mine, _OF.event_id == event_id)
        values = {"dead_at": None, "error": None, "attempts": 0, "created_at": moment}
        with self._database.write() as connection:
            ready = sa.update(event_targets).where(_TARGETS.id == target.id)
            connection.execute(ready.values(next_at=None, failures=0))
            again = sa.update(event_deliveries).where(mine).values(values)
            return connection.execute(again).rowcount


def _tried(failure: Failure) -> sa.Update:
    values: dict[str, Any] = {"attempts": _OF.attempts + 1, "error": failure.error}
    if failure.final:
        values["dead_at"] = failure.next_at
    return sa.update(event_deliveries).where(_OF.id == failure.delivery.id).values(values)


def _given_up(which: sa.ColumnElement[bool], moment: datetime, why: str) -> sa.Update:
    error = sa.func.coalesce(_OF.error + f" ({why})", why)
    return sa.update(event_deliveries).where(which).values(dead_at=moment, error=error)


def _oldest(which: sa.ColumnElement[bool], count: int) -> sa.Select[Any]:
    return sa.select(_OF.id).where(which).order_by(_OF.id).limit(max(count, 0))


def _loads(connection: sa.Connection) -> dict[int, Load]:
    given_up = _OF.dead_at.isnot(None)
    count = sa.func.count().label("count_")
    query = sa.select(_OF.event_target_id, given_up.label("dead"), count)
    found: dict[int, Load] = {}
    for row in connection.execute(query.group_by(_OF.event_target_id, given_up)):
        load = found.get(row.event_target_id, Load())
        waiting, dead = (load.waiting, row.count_) if row.dead else (row.count_, load.dead)
        found[row.event_target_id] = Load(waiting, dead)
    return found


def _delivery(row: sa.Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        event_id=row.event_id,
        body=row.body,
        created_at=row.created_at,
        attempts=row.attempts,
        dead_at=row.dead_at,
        error=row.error,
    )
