"""Goes on with every move of a repository to another key, until nothing of it is left behind.

Rows say what is left: a mover that is killed loses the blob that it was at, and nothing else.
A lease keeps several movers apart; two at once would do no harm, each step looks again.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import blobs as blob_rows
from registry.database.schema import images, links, rekeys
from registry.domain import blobs
from registry.domain.rekeying import left
from registry.domain.repositories import by_id
from registry.domain.tasks import Task, now
from registry.values.errors import (
    Damaged,
    DigestInvalid,
    KeyNotFound,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from registry.database.database import Database
    from registry.domain.blobs import Blob
    from registry.domain.repositories import Repository
    from registry.domain.resealing import Resealing

TASK = "rekeying"
AGAIN = timedelta(seconds=30)
"""How long a move rests that could not come to its end."""
STEP = 50
PAUSE_MAX = 5.0
"""Seconds after a blob at most; a pause is as long as what was before it."""


class _Stopped(Exception):
    """The server ends, or another process has taken over."""


class _Halted(Exception):
    """Somebody stopped this move."""


def no_report(_count: int) -> None:
    """For who does not want to know of each blob."""


@dataclass(frozen=True, slots=True)
class _Leaving:
    """One repository on its way out of one key."""

    repository_id: int
    key_id: str
    stop: threading.Event
    report: Callable[[int], None]

    @property
    def row(self) -> tuple[sa.ColumnElement[bool], ...]:
        """What selects its row."""
        return (rekeys.c.repository_id == self.repository_id, rekeys.c.key_id == self.key_id)


class Rekeyer:
    """The mover of one process. `pause` is asked how long to wait after so many seconds."""

    def __init__(
        self,
        database: Database,
        resealing: Resealing,
        *,
        pause: Callable[[float], float] = lambda seconds: min(seconds, PAUSE_MAX),
    ) -> None:
        self._database = database
        self._resealing = resealing
        self._pause = pause
        self._task = Task(database, TASK)

    def run(
        self, stop: threading.Event, *, report: Callable[[int], None] = no_report
    ) -> list[Repository]:
        """Go on with what is due, until `stop` is set; the repositories that are done.

        `report` is told how many bytes of blobs were moved. Nothing is done while another
        process is at it. What a move cannot get over is in its row; the next run tries again.
        """
        if not self._due() or not self._task.take():
            return []
        done = []
        try:
            for row in self._due():
                move = _Leaving(row.repository_id, row.key_id, stop, report)
                if (repository := self._leave(move)) is not None:
                    done.append(repository)
        except _Stopped:
            pass
        finally:
            with suppress(Unavailable):
                self._task.release(finished=True)
        return done

    def _due(self) -> Sequence[sa.Row[Any, Any]]:
        rested = sa.or_(rekeys.c.tried_at.is_(None), rekeys.c.tried_at < now() - AGAIN)
        query = (
            sa.select(rekeys.c.repository_id, rekeys.c.key_id)
            .where(rekeys.c.finished_at.is_(None), rekeys.c.stopped_at.is_(None), rested)
            .order_by(rekeys.c.started_at)
        )
        with self._database.read() as connection:
            return connection.execute(query).all()

    def _leave(self, move: _Leaving) -> Repository | None:
        """Move what is left; the repository if that was all."""
        problem = None
        try:
            self._resealing.tidy(move.repository_id)
            problem = self._all_blobs(move)
            problem = self._all_manifests(move) or problem
        except _Halted:
            return None
        except (KeyNotFound, Unavailable) as error:
            problem = str(error)
        return self._end(move, problem)

    def _all_blobs(self, move: _Leaving) -> str | None:
        """What was wrong with one of them."""
        problem = None
        for blob in self._blobs(move):
            begun = time.monotonic()
            try:
                moved = self._resealing.blob(move.repository_id, blob, lambda: self._go_on(move))
            except (Damaged, DigestInvalid) as error:
                problem = str(error)
                continue
            if moved:
                self._count(move, blobs=1, blob_bytes=blob.size)
                move.report(blob.size)
            move.stop.wait(self._pause(time.monotonic() - begun))
            self._go_on(move)
        return problem

    def _blobs(self, move: _Leaving) -> Iterator[Blob]:
        """What the repository holds under the key, in the order of ids."""
        query = (
            sa.select(blob_rows.c.id)
            .join(links, links.c.blob_id == blob_rows.c.id)
            .where(links.c.repository_id == move.repository_id, blob_rows.c.key_id == move.key_id)
            .order_by(links.c.blob_id)
            .limit(STEP)
        )
        after = 0
        while True:
            with self._database.read() as connection:
                ids = list(connection.execute(query.where(links.c.blob_id > after)).scalars())
                found = blobs.find(connection, ids)
            if not ids:
                return
            yield from found
            after = ids[-1]

    def _all_manifests(self, move: _Leaving) -> str | None:
        """What was wrong with one of them."""
        problem = None
        for row in self._manifests(move):
            try:
                moved = self._resealing.manifest(row)
            except Damaged as error:
                problem = f"the manifest {row.digest}: {error}"
                continue
            if moved:
                self._count(move, manifests=1)
            self._go_on(move)
        return problem

    def _manifests(self, move: _Leaving) -> Iterator[sa.Row[Any, Any, Any, Any, Any]]:
        columns = (images.c.id, images.c.repository_id, images.c.digest, images.c.key_id)
        query = (
            sa.select(*columns, images.c.manifest)
            .where(images.c.repository_id == move.repository_id, images.c.key_id == move.key_id)
            .order_by(images.c.id)
            .limit(STEP)
        )
        after = 0
        while True:
            with self._database.read() as connection:
                found = connection.execute(query.where(images.c.id > after)).all()
            if not found:
                return
            yield from found
            after = found[-1].id

    def _end(self, move: _Leaving, problem: str | None) -> Repository | None:
        """Write down how it went; the repository if nothing is left."""
        with self._database.read() as connection:
            done = left(connection, move.repository_id, move.key_id).nothing
        with self._database.write() as connection:
            # Again: a request that began before the move may have written meanwhile.
            done = done and left(connection, move.repository_id, move.key_id).nothing
            values = {"problem": None, "finished_at": now()} if done else {"problem": problem}
            connection.execute(sa.update(rekeys).where(*move.row).values(**values, tried_at=now()))
            return by_id(connection, move.repository_id) if done else None

    def _count(self, move: _Leaving, **moved: int) -> None:
        added = {name: rekeys.c[name] + count for name, count in moved.items()}
        with self._database.write() as connection:
            connection.execute(sa.update(rekeys).where(*move.row).values(**added))

    def _go_on(self, move: _Leaving) -> None:
        if move.stop.is_set() or not self._task.renew():
            raise _Stopped
        stopped = sa.select(rekeys.c.stopped_at).where(*move.row)
        with self._database.read() as connection:
            if connection.execute(stopped).scalar() is not None:
                raise _Halted
