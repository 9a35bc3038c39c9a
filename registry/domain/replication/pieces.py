"""The three kinds of work: an image that was pushed, one of a backfill, a deletion."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import (
    backfill_items,
    backfills,
    images,
    replicated_deletions,
    replications,
    repositories,
    tags,
)
from registry.domain import events
from registry.domain.image_rows import tags_by_image
from registry.domain.replication.backfills import RUNNING
from registry.domain.replication.outcome import attempted
from registry.domain.replication.queue import COMPLETE, note
from registry.domain.repositories import by_id, find
from registry.domain.shadows import RESTING
from registry.values.digest import Digest
from registry.values.errors import ImageNotFound
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.copying.copier import Beat
    from registry.domain.replication.sender import Sender
    from registry.domain.repositories import Repository

_KINDS = (replicated_deletions, replications, backfill_items)
"""In their order: what waits for people comes before what was there long ago."""


def uncounted(_status: str) -> None:
    """For who does not count."""


class Pieces:
    """Does them, and writes down what came of each."""

    def __init__(
        self, database: Database, sender: Sender, count: Callable[[str], None] = uncounted
    ) -> None:
        """`count` is told the status that the work has after each attempt."""
        self._database = database
        self._sender = sender
        self._count = count

    def waiting(self, moment: datetime) -> bool:
        """Whether anything is due."""
        return self._next(moment) is not None

    def do(self, moment: datetime, beat: Beat) -> bool:
        """The one that is due first; False if there is none. Raises what `beat` raises."""
        found = self._next(moment)
        if found is None:
            return False
        table, row = found
        work = {
            replicated_deletions: self._deletion,
            replications: self._image,
            backfill_items: self._item,
        }[table]
        work(row, moment, beat)
        return True

    def _next(self, moment: datetime) -> tuple[sa.Table, sa.Row[Any]] | None:
        with self._database.read() as connection:
            for table in _KINDS:
                query = sa.select(table).where(table.c.due_at <= moment)
                row = connection.execute(query.order_by(table.c.due_at, table.c.id)).first()
                if row is not None:
                    return table, row
        return None

    def _image(self, row: sa.Row[Any], moment: datetime, beat: Beat) -> None:
        """An image that was pushed, with the tags that it has now."""
        destination = Scope(row.to_account, row.to_region)
        with self._database.read() as connection:
            query = sa.select(images.c.repository_id, images.c.digest)
            found = connection.execute(query.where(images.c.id == row.image_id)).first()
            if found is None:
                return  # and its row went with it
            source = by_id(connection, found.repository_id)
            assert source is not None  # noqa: S101 - an image has a repository
            names = tags_by_image(connection, [row.image_id]).get(row.image_id, [])
        if source.scope.account == RESTING:
            self._write(sa.delete(replications).where(replications.c.id == row.id), {})
            return  # it was deleted; brought back, it comes again
        digest = Digest.parse(found.digest)
        outcome = attempted(
            lambda: self._sender.send(source, destination, digest, names, beat),
            row.attempts,
            moment,
            f"{source.arn}@{digest} to {destination.account} in {destination.region}",
        )
        self._count(outcome.status)
        # A change that came meanwhile has another mark, and stays due.
        mine = sa.update(replications).where(
            replications.c.id == row.id, replications.c.mark == row.mark
        )
        with self._database.write() as connection:
            changed = connection.execute(mine.values(**asdict(outcome), updated_at=moment))
            if changed.rowcount and outcome.due_at is None:
                named = [(str(digest), name) for name in (*names,) or (None,)]
                done = outcome.status == COMPLETE
                _tell(connection, source, destination, named, succeeded=done)

    def _item(self, row: sa.Row[Any], moment: datetime, beat: Beat) -> None:
        """An image of a backfill, with one tag."""
        with self._database.read() as connection:
            query = sa.select(backfills).where(backfills.c.id == row.backfill_id)
            backfill = connection.execute(query).one()
            scope = Scope(backfill.account, backfill.region)
            found = connection.execute(_image_named(scope, row)).first()
            source = None if found is None else by_id(connection, found.repository_id)
        if backfill.status not in RUNNING:
            self._write(_of(backfill_items, row), {"due_at": None})
            return
        destination = Scope(backfill.to_account, backfill.to_region)

        def send() -> None:
            if source is None:
                raise ImageNotFound("the image was deleted, or the tag moved, meanwhile")
            wanted = (row.tag,) if row.tag else ()
            self._sender.send(source, destination, Digest.parse(row.digest), wanted, beat)

        what = f"{scope.repository_arn(row.repository)}@{row.digest} in backfill {row.backfill_id}"
        outcome = attempted(send, row.attempts, moment, what)
        self._count(outcome.status)
        with self._database.write() as connection:
            connection.execute(_of(backfill_items, row).values(asdict(outcome)))
            if source is not None and found is not None and outcome.due_at is None:
                done = outcome.status == COMPLETE
                _tell(connection, source, destination, [(row.digest, row.tag)], succeeded=done)
                if done:
                    note(connection, found.id, destination, COMPLETE)

    def _deletion(self, row: sa.Row[Any], moment: datetime, _beat: Beat) -> None:
        """A tag or an image that went, unless it is there again."""
        scope, destination = Scope(row.account, row.region), Scope(row.to_account, row.to_region)
        with self._database.read() as connection:
            again = connection.execute(_image_named(scope, row)).first() is not None

        def withdraw() -> None:
            if not again:
                self._sender.withdraw(
                    scope.account, destination, row.repository, Digest.parse(row.digest), row.tag
                )

        what = f"the deletion of {scope.repository_arn(row.repository)}@{row.digest}"
        outcome = attempted(withdraw, row.attempts, moment, what)
        self._count(outcome.status)
        if outcome.due_at is None:
            mine = replicated_deletions.c.id == row.id
            self._write(sa.delete(replicated_deletions).where(mine), {})
        else:
            kept = {"attempts": outcome.attempts, "due_at": outcome.due_at}
            self._write(_of(replicated_deletions, row), kept)

    def _write(self, statement: sa.Update | sa.Delete, values: dict[str, Any]) -> None:
        with self._database.write() as connection:
            if isinstance(statement, sa.Update):
                statement = statement.values(values)
            connection.execute(statement)


def _tell(
    connection: sa.Connection,
    source: Repository,
    destination: Scope,
    named: Iterable[tuple[str, str | None]],
    *,
    succeeded: bool,
) -> None:
    """The event of each digest and tag that has come to its destination, or failed for good."""
    target = find(connection, destination, source.name)
    if target is None:
        return
    for digest, tag in named:
        events.replicated(
            connection, target, source.scope, digest=digest, tag=tag, succeeded=succeeded
        )


def _of(table: sa.Table, row: sa.Row[Any]) -> sa.Update:
    return sa.update(table).where(table.c.id == row.id)


def _image_named(scope: Scope, row: sa.Row[Any]) -> sa.Select[Any]:
    """The image that a row names by repository, digest, and tag if it has one."""
    query = (
        sa.select(images.c.id, images.c.repository_id)
        .join(repositories, repositories.c.id == images.c.repository_id)
        .where(
            repositories.c.account == scope.account,
            repositories.c.region == scope.region,
            repositories.c.name == row.repository,
            images.c.digest == row.digest,
        )
    )
    if row.tag is None:
        return query
    return query.join(tags, tags.c.image_id == images.c.id).where(tags.c.name == row.tag)
