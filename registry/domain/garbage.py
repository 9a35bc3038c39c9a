"""Collection of what nobody needs any more: blobs, abandoned uploads, leftovers. Never images.

It runs beside pushes and pulls, in steps of a few dozen rows with a pause after each that is as
long as the step. Each step is a transaction of its own that looks again at what it takes away,
and the bytes go after its commit: a run can be cut short or killed anywhere, and two at once
(a lease keeps them apart) would do no harm. What it looks at is what changed: idle links,
leftovers, uploads. The blobs that images need are never listed.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import blobs as blob_rows
from registry.database.schema import links as link_rows
from registry.domain import blobs, leftovers, links, rest_ending, strays, upload_rows
from registry.domain.leftovers import discard
from registry.domain.tasks import Task, now
from registry.values.errors import ObjectNotFound, Unavailable, UploadConflict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry.database.database import Database
    from registry.domain.vault import Vault
    from registry.storage.driver import Driver

STEP = 50
"""Links, uploads or objects in one step."""
PAUSE_MAX = 5.0
"""Seconds between two steps at most."""


@dataclass(frozen=True, slots=True)
class Freed:
    """What a collection took away, or would."""

    links: int = 0
    """Blobs taken out of a repository; their bytes go with the last one."""
    blobs: int = 0
    blob_bytes: int = 0
    uploads: int = 0
    upload_bytes: int = 0
    objects: int = 0
    """Objects in storage that nothing referred to any more."""
    object_bytes: int = 0

    def __add__(self, other: Freed) -> Freed:
        return Freed(
            *(mine + more for mine, more in zip(astuple(self), astuple(other), strict=True))
        )

    @property
    def count(self) -> int:
        """How many things it was."""
        return self.links + self.uploads + self.objects

    @property
    def bytes(self) -> int:
        """All bytes together."""
        return self.blob_bytes + self.upload_bytes + self.object_bytes


def no_report(_freed: Freed) -> None:
    """For who does not want to know of each step."""


class Garbage:
    """The collector of one process.

    A blob that no image needs is kept for `grace` after a client was told of it last, an
    upload for `expiry` after it was worked on last.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        storage: Driver,
        *,
        grace: timedelta,
        expiry: timedelta,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._database = database
        self._vault = vault
        self._storage = storage
        self._grace = grace
        self._expiry = expiry
        self._clock = clock
        self._task = Task(database, "garbage")

    def run(
        self,
        stop: threading.Event,
        *,
        every: timedelta = timedelta(0),
        report: Callable[[Freed], None] = no_report,
    ) -> Freed | None:
        """Collect everything that is due, until `stop` is set; what was freed.

        None if another process collects now, or finished less than `every` ago. Raises what
        storage raises; the next run goes on.
        """
        if not self._task.take(every):
            return None
        total, finished = Freed(), False
        try:
            for freed in self._paced(stop):
                total += freed
                report(freed)
            finished = not stop.is_set()
        finally:
            with suppress(Unavailable):
                self._task.release(finished=finished)
        return total

    def survey(self) -> Freed:
        """What a run would free now; nothing is changed."""
        now = self._clock()
        idle = links.idle_before(now - self._grace)
        with self._database.read() as connection:
            count = sa.select(sa.func.count()).select_from(link_rows).where(*idle)
            total = Freed(links=connection.execute(count).scalar_one())
            last = connection.execute(_last_links(idle)).one()
            total += Freed(*rest_ending.survey(connection, now, idle))
            stale = upload_rows.stale(connection, self._clock() - self._expiry, -1)
            waste = leftovers.page(connection, "", -1)
        total += Freed(blobs=last.count_, blob_bytes=last.bytes_)
        total += Freed(uploads=len(stale), upload_bytes=sum(each.size for _, each in stale))
        for found in (waste, *strays.parts(self._database, self._storage)):
            total += self._weighed(found)
        return total

    def _paced(self, stop: threading.Event) -> Iterator[Freed]:
        steps = (self._resting, self._leftovers, self._links, self._uploads, self._strays)
        for step in steps:
            begun = time.monotonic()
            for freed in step():
                yield freed
                stop.wait(min(time.monotonic() - begun, PAUSE_MAX))
                if stop.is_set() or not self._task.renew():
                    return
                begun = time.monotonic()

    def _resting(self) -> Iterator[Freed]:
        """What was deleted and has rested long enough."""
        while True:
            with self._database.read() as connection:
                if not rest_ending.is_due(connection, self._clock()):
                    return
            with self._database.write() as connection:
                step = rest_ending.step(connection, self._clock())
            deleted = set(discard(self._database, self._vault, step.waste))
            sizes = [blob.size for blob in step.held if blob.path in deleted]
            yield Freed(links=len(step.held), blobs=len(sizes), blob_bytes=sum(sizes))

    def _links(self) -> Iterator[Freed]:
        """Idle links, and with the last one of a blob its bytes."""
        before = self._clock() - self._grace
        due = (
            sa.select(link_rows.c.repository_id, link_rows.c.blob_id)
            .where(link_rows.c.idle_since < before)
            .order_by(link_rows.c.idle_since)
            .limit(STEP)
        )
        while True:
            with self._database.read() as connection:
                idle = connection.execute(due).all()
            if not idle:
                return
            with self._database.write() as connection:
                gone = [row.blob_id for row in idle if links.cut(connection, *row, before)]
                held = blobs.find(connection, gone)
                waste = blobs.drop_unlinked(connection, held)
            deleted = set(discard(self._database, self._vault, waste))
            sizes = [blob.size for blob in held if blob.path in deleted]
            yield Freed(links=len(gone), blobs=len(sizes), blob_bytes=sum(sizes))

    def _uploads(self) -> Iterator[Freed]:
        """Uploads that nobody has worked on for long, with their parts."""
        before = self._clock() - self._expiry
        while True:
            with self._database.read() as connection:
                stale = upload_rows.stale(connection, before, STEP)
            if not stale:
                return
            waste, ended, size = [], 0, 0
            with self._database.write() as connection:
                for key_id, upload in stale:
                    if not upload_rows.touched_before(connection, upload.id, before):
                        continue
                    with suppress(UploadConflict):
                        waste += upload_rows.end(connection, key_id, upload)
                        ended, size = ended + 1, size + upload.size
            discard(self._database, self._vault, waste)
            yield Freed(uploads=ended, upload_bytes=size)

    def _leftovers(self) -> Iterator[Freed]:
        """What a crash, or a storage that did not answer, kept from being deleted at once."""
        after = ""
        while True:
            with self._database.read() as connection:
                waste = leftovers.page(connection, after, STEP)
            if not waste:
                return
            yield self._deleted(waste)
            after = waste[-1]

    def _strays(self) -> Iterator[Freed]:
        """Parts of uploads that have ended."""
        for found in strays.parts(self._database, self._storage):
            for start in range(0, len(found), STEP):
                yield self._deleted(found[start : start + STEP])

    def _deleted(self, paths: list[str]) -> Freed:
        sizes = {path: self._size(path) for path in paths}
        gone = discard(self._database, self._vault, paths)
        found = [size for path in gone if (size := sizes[path]) is not None]
        return Freed(objects=len(found), object_bytes=sum(found))

    def _weighed(self, paths: list[str]) -> Freed:
        found = [size for path in paths if (size := self._size(path)) is not None]
        return Freed(objects=len(found), object_bytes=sum(found))

    def _size(self, path: str) -> int | None:
        """Bytes as stored; None for what is not there."""
        try:
            return self._storage.stat(path).size
        except ObjectNotFound:
            return None


def _last_links(idle: tuple[sa.ColumnElement[bool], ...]) -> sa.Select[Any]:
    """How many blobs have idle links only, and their bytes."""
    kept = sa.exists(link_rows.c.blob_id).where(
        link_rows.c.blob_id == blob_rows.c.id,
        sa.or_(link_rows.c.idle_since.is_(None), ~sa.and_(*idle)),
    )
    bytes_ = sa.func.coalesce(sa.func.sum(blob_rows.c.size), 0)
    return sa.select(sa.func.count().label("count_"), bytes_.label("bytes_")).where(
        blob_rows.c.id.in_(sa.select(link_rows.c.blob_id).where(*idle)), ~kept
    )
