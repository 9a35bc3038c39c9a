"""Replication of images that were there before: started, stopped, listed, described.

Preparing goes through the registry's images once, by their ids, and makes a row for each image
and tag; the replicator then works these off like pushes. Source: ECR API reference,
StartReplicationBackfill and its like.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import backfill_items, backfills, images, repositories
from registry.domain.image_rows import tags_by_image
from registry.domain.replication.queue import COMPLETE, FAILED, IN_PROGRESS
from registry.domain.replication.rules import applies, rules, scopes_of
from registry.domain.upstreams import provenance
from registry.values.backfilling import BackfillEnded, BackfillNotFound, BackfillRunning
from registry.values.errors import LimitExceeded, ParameterInvalid
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.database.database import Database

PREPARING, STOPPED = "PREPARING", "STOPPED"
RUNNING = (PREPARING, IN_PROGRESS)
AT_ONCE = 10
"""Backfills of a registry that may run at once."""
KEPT = timedelta(days=90)
"""How long one that has ended is shown."""
BATCH = 200
"""Images prepared in one transaction."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a backfill is."""

    total: int
    completed: int
    failed: int
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Backfill:
    """One backfill."""

    id: str
    destination: Scope
    status: str
    failure: str | None
    progress: Progress | None
    """None before it is prepared."""
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one image and tag."""

    id: int
    repository: str
    digest: str
    tag: str | None
    status: str
    failure: str | None


class Backfills:
    """Those of all registries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, scope: Scope, destination: Scope) -> Backfill:
        """Begin one. Raises ParameterInvalid, BackfillRunning, LimitExceeded."""
        table, now = backfills.c, datetime.now(UTC)
        running = sa.select(table.to_region).where(*_in(scope), table.status.in_(RUNNING))
        with self._database.write() as connection:
            if not any(destination in scopes_of(rule) for rule in rules(connection, scope)):
                raise ParameterInvalid(
                    "Invalid parameter at 'destination' failed to satisfy constraint: 'must be a"
                    " destination of the registry's replication configuration'"
                )
            regions = list(connection.execute(running).scalars())
            if destination.region in regions:
                raise BackfillRunning(
                    f"a replication backfill to the region {destination.region} is in progress"
                )
            if len(regions) >= AT_ONCE:
                raise LimitExceeded(f"at most {AT_ONCE} replication backfills at once")
            newest = connection.execute(sa.select(sa.func.max(images.c.id))).scalar()
            new = {
                "id": str(uuid.uuid4()),
                "account": scope.account,
                "region": scope.region,
                "to_account": destination.account,
                "to_region": destination.region,
                "status": PREPARING,
                "prepared": False,
                "after_image": 0,
                "up_to_image": newest or 0,
                "started_at": now,
            }
            connection.execute(sa.insert(backfills).values(new))
        return Backfill(str(new["id"]), destination, PREPARING, None, None, now, None)

    def stop(self, scope: Scope, backfill_id: str) -> Backfill:
        """End it: what is being replicated now comes to its end, nothing else is begun.

        Raises BackfillNotFound, BackfillEnded.
        """
        with self._database.write() as connection:
            row = _row(connection, scope, backfill_id)
            if row.status not in RUNNING:
                raise BackfillEnded(f"the replication backfill {backfill_id} has ended already")
            mine = backfill_items.c.backfill_id == row.id
            connection.execute(sa.update(backfill_items).where(mine).values(due_at=None))
            _end(connection, row.id, STOPPED)
            return _backfill(connection, _row(connection, scope, backfill_id))

    def get(self, scope: Scope, backfill_id: str) -> Backfill:
        """One of the registry's. Raises BackfillNotFound."""
        with self._database.read() as connection:
            return _backfill(connection, _row(connection, scope, backfill_id))

    def page(self, scope: Scope, after: tuple[int, str], limit: int) -> list[Backfill]:
        """At most `limit`, the newest first, behind the moment (microseconds) and id in `after`."""
        moment, last = after
        table = backfills.c
        query = sa.select(backfills).where(*_in(scope))
        if last:
            at = datetime.fromtimestamp(moment / 1_000_000, UTC)
            older = sa.and_(table.started_at == at, table.id > last)
            query = query.where(sa.or_(table.started_at < at, older))
        with self._database.read() as connection:
            found = query.order_by(table.started_at.desc(), table.id).limit(limit)
            return [_backfill(connection, row) for row in connection.execute(found).all()]

    def results(
        self, backfill: Backfill, after: int, limit: int, status: str | None = None
    ) -> list[Result]:
        """At most `limit` results of one that has ended, behind the result `after`."""
        table = backfill_items.c
        query = (
            sa.select(backfill_items)
            .where(table.backfill_id == backfill.id, table.id > after)
            .where(table.status.in_((status,) if status else (COMPLETE, FAILED)))
            .order_by(table.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [
                Result(row.id, row.repository, row.digest, row.tag, row.status, row.failure_code)
                for row in connection.execute(query)
            ]

    # What the replicator asks for.

    def waiting(self, moment: datetime) -> bool:
        """Whether any is to be prepared, to be ended, or too old."""
        with self._database.read() as connection:
            return connection.execute(_waiting(moment)).first() is not None

    def advance(self, moment: datetime) -> bool:
        """Prepare a batch of one, end one, or forget an old one; False if none asks for it."""
        with self._database.write() as connection:
            row = connection.execute(_waiting(moment)).first()
            if row is None:
                return False
            if row.status == PREPARING:
                _prepare(connection, row)
            elif row.status == IN_PROGRESS:
                _end(connection, row.id, COMPLETE)
            else:
                connection.execute(sa.delete(backfills).where(backfills.c.id == row.id))
        return True


def _waiting(moment: datetime) -> sa.Select[Any]:
    table = backfills.c
    pending = sa.exists().where(
        backfill_items.c.backfill_id == table.id, backfill_items.c.due_at.isnot(None)
    )
    done = sa.and_(table.status == IN_PROGRESS, ~pending)
    query = sa.select(backfills).where(
        sa.or_(table.status == PREPARING, done, table.ended_at < moment - KEPT)
    )
    return query.order_by(table.started_at).limit(1)


def _prepare(connection: sa.Connection, row: sa.Row[Any]) -> None:
    """Rows for the next images, or the end of preparing."""
    scope, destination = Scope(row.account, row.region), Scope(row.to_account, row.to_region)
    matching = [r for r in rules(connection, scope) if destination in scopes_of(r)]
    if not matching:
        _end(connection, row.id, FAILED, "DestinationNotConfigured")
        return
    found = connection.execute(_next_images(scope, row)).all()
    if not found:
        _set(connection, row.id, status=IN_PROGRESS, prepared=True)
        return
    names = tags_by_image(connection, [image.id for image in found])
    new = [
        {
            "backfill_id": row.id,
            "repository": image.name,
            "digest": image.digest,
            "tag": tag,
            "status": IN_PROGRESS,
            "attempts": 0,
            "due_at": row.started_at,
        }
        for image in found
        if any(applies(rule, image.name) for rule in matching)
        for tag in names.get(image.id, [None])
    ]
    if new:
        connection.execute(sa.insert(backfill_items), new)
    _set(connection, row.id, after_image=found[-1].id)


def _next_images(scope: Scope, row: sa.Row[Any]) -> sa.Select[Any]:
    return (
        sa.select(images.c.id, images.c.digest, repositories.c.name)
        .join(repositories, repositories.c.id == images.c.repository_id)
        .where(
            repositories.c.account == scope.account,
            repositories.c.region == scope.region,
            images.c.id > row.after_image,
            images.c.id <= row.up_to_image,
            provenance.pushed(),
        )
        .order_by(images.c.id)
        .limit(BATCH)
    )


def _set(connection: sa.Connection, backfill_id: str, **values: Any) -> None:
    connection.execute(sa.update(backfills).where(backfills.c.id == backfill_id).values(values))


def _end(
    connection: sa.Connection, backfill_id: str, status: str, failure: str | None = None
) -> None:
    _set(connection, backfill_id, status=status, failure_code=failure, ended_at=datetime.now(UTC))


def _in(scope: Scope) -> tuple[sa.ColumnElement[bool], ...]:
    return backfills.c.account == scope.account, backfills.c.region == scope.region


def _row(connection: sa.Connection, scope: Scope, backfill_id: str) -> sa.Row[Any]:
    query = sa.select(backfills).where(*_in(scope), backfills.c.id == backfill_id)
    row = connection.execute(query).first()
    if row is None:
        raise BackfillNotFound(
            f"The replication backfill with id '{backfill_id}' does not exist in the registry"
            f" with id '{scope.account}'"
        )
    return row


def _backfill(connection: sa.Connection, row: sa.Row[Any]) -> Backfill:
    return Backfill(
        row.id,
        Scope(row.to_account, row.to_region),
        row.status,
        row.failure_code,
        _progress(connection, row.id) if row.prepared else None,
        row.started_at,
        row.ended_at,
    )


def _progress(connection: sa.Connection, backfill_id: str) -> Progress:
    table = backfill_items.c
    query = (
        sa.select(table.status, table.failure_code, sa.func.count().label("count_"))
        .where(table.backfill_id == backfill_id)
        .group_by(table.status, table.failure_code)
    )
    found = connection.execute(query).all()
    counted = dict.fromkeys((COMPLETE, FAILED, IN_PROGRESS), 0)
    for row in found:
        counted[row.status] += row.count_
    codes = sorted({row.failure_code for row in found if row.failure_code})
    return Progress(sum(counted.values()), counted[COMPLETE], counted[FAILED], tuple(codes))
