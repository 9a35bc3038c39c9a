"""Everything that is stored, read and checked against its row: digests, sizes, every frame's tag.

It runs beside a server. Blobs and then manifests are read in the order of their ids, and where
it stands is kept in a row, so that a run which was cut short goes on. What came after a run had
passed it waits for the next one. Nothing is changed here: see `repair`.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from registry.database.schema import blobs as blob_rows
from registry.database.schema import image_blobs, images, links
from registry.domain import blobs, strays
from registry.domain.links import referenced
from registry.domain.rest_rows import shadows_of_images
from registry.domain.tasks import Task
from registry.values.digest import Digest, hasher
from registry.values.errors import (
    Conflict,
    Damaged,
    KeyNotFound,
    KeyUnavailable,
    ObjectNotFound,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from registry.database.database import Database
    from registry.domain.blobs import Blob
    from registry.domain.vault import Vault
    from registry.storage.driver import Buffer, Driver

Kind = Literal["missing", "damaged", "unreadable", "unlinked", "forgotten", "orphaned"]
"""No bytes for a row; bytes that fail their check; no usable key to check them with; a blob that
an image needs and its repository does not hold; one that nobody needs and no collection would
find; an object that no row knows."""

STEP = 100
_SAVE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    kind: Kind
    subject: Literal["blob", "manifest", "link", "object"]
    name: str
    """Digest, or path in storage."""
    detail: str
    id: int = 0
    """Of the blob or image; of a link, the blob's."""
    repository_id: int = 0
    """Of a link."""


@dataclass(slots=True)
class Found:
    """How far a verification is, and what it has found."""

    blob: int = 0
    """Id of the last blob that was read."""
    image: int = 0
    blobs: int = 0
    manifests: int = 0
    bytes: int = 0
    objects: int = 0
    problems: list[Problem] = field(default_factory=list)


class Pace:
    """Holds a reader to so many bytes a second; None for as fast as it goes."""

    def __init__(self, rate: float | None = None) -> None:
        self._rate = rate
        self._begun = time.monotonic()
        self._done = 0

    def __call__(self, count: int) -> None:
        """Bytes were read: wait if that was too quick."""
        if self._rate is None:
            return
        self._done += count
        ahead = self._done / self._rate - (time.monotonic() - self._begun)
        if ahead > 0:
            time.sleep(ahead)


class Verification:
    """Reads everything. One runs at a time."""

    def __init__(
        self, database: Database, vault: Vault, storage: Driver, pace: Callable[[int], None]
    ) -> None:
        self._database = database
        self._vault = vault
        self._storage = storage
        self._pace = pace
        self._task = Task(database, "verification")
        self._saved = 0.0

    def begin(self, *, again: bool = False) -> Found:
        """Where the run before was cut short, or with `again` in any case, the beginning.

        Raises Conflict while another process verifies.
        """
        if not self._task.take():
            raise Conflict("another process verifies at this moment")
        state = {} if again else self._task.state()
        return _found(state) if state else Found()

    def end(self, found: Found, *, finished: bool) -> None:
        """Let others begin; unfinished, the next run goes on from here."""
        with suppress(Unavailable):
            self._task.save({} if finished else asdict(found))
            self._task.release(finished=finished)

    def left(self, found: Found) -> int:
        """Bytes that are still to be read."""
        sizes = sa.func.coalesce(sa.func.sum(blob_rows.c.size), 0)
        manifests = sa.func.coalesce(sa.func.sum(sa.func.length(images.c.manifest)), 0)
        with self._database.read() as connection:
            of_blobs = connection.execute(sa.select(sizes).where(blob_rows.c.id > found.blob))
            of_images = connection.execute(sa.select(manifests).where(images.c.id > found.image))
            return int(of_blobs.scalar_one()) + int(of_images.scalar_one())

    def run(self, found: Found, report: Callable[[int], None]) -> None:
        """Go through all that is left; what is wrong is in `found`.

        `report` is told how many bytes were read. Raises StorageUnavailable.
        """
        while self._some_blobs(found, report):
            pass
        while self._some_manifests(found, report):
            pass
        found.problems += self._loose_links()
        found.problems += self._orphans(found)

    def check(self, blob: Blob, report: Callable[[int], None]) -> tuple[Kind, str] | None:
        """What is wrong with a blob's bytes. Raises StorageUnavailable."""
        try:
            self._read(blob, report)
        except ObjectNotFound:
            return "missing", "its bytes are not in storage"
        except Damaged as error:
            return "damaged", str(error)
        except (KeyNotFound, KeyUnavailable) as error:
            return "unreadable", str(error)
        except Unavailable as error:  # a bad sector; or all of the storage, and then it raises
            with suppress(ObjectNotFound):
                self._storage.stat("health/check")
            return "unreadable", str(error)
        return None

    def _read(self, blob: Blob, report: Callable[[int], None]) -> None:
        running, size = hasher(blob.digest.algorithm), 0
        chunks: Iterable[Buffer] = self._vault.driver(blob.key_id).get(blob.path)
        for chunk in chunks:
            running.update(chunk)
            size += len(chunk)
            report(len(chunk))
            self._pace(len(chunk))
        if size != blob.size or running.hexdigest() != blob.digest.hex:
            raise Damaged(f"its {size} bytes have the digest {running.hexdigest()}")

    def _some_blobs(self, found: Found, report: Callable[[int], None]) -> bool:
        query = sa.select(blob_rows.c.id).where(blob_rows.c.id > found.blob)
        with self._database.read() as connection:
            ids = list(connection.execute(query.order_by(blob_rows.c.id).limit(STEP)).scalars())
            some = blobs.find(connection, ids)
        for blob in some:
            wrong = self.check(blob, report)
            if wrong is not None and self.stands(blob):
                kind, detail = wrong
                found.problems.append(Problem(kind, "blob", str(blob.digest), detail, blob.id))
            found.blob, found.blobs = blob.id, found.blobs + 1
            found.bytes += blob.size
            self._save(found)
        return bool(some)

    def stands(self, blob: Blob) -> bool:
        """Whether the row is still as it was: a server may have deleted or replaced the blob."""
        with self._database.read() as connection:
            return blobs.find(connection, [blob.id]) == [blob]

    def _some_manifests(self, found: Found, report: Callable[[int], None]) -> bool:
        query = (
            sa.select(images.c.id, images.c.digest, images.c.manifest, images.c.key_id)
            .where(images.c.id > found.image)
            .order_by(images.c.id)
            .limit(STEP)
        )
        with self._database.read() as connection:
            some = connection.execute(query).all()
        for row in some:
            wrong = self.check_manifest(row.key_id, row.digest, row.manifest)
            if wrong is not None:
                found.problems.append(Problem(wrong[0], "manifest", row.digest, wrong[1], row.id))
            found.image, found.manifests = row.id, found.manifests + 1
            found.bytes += len(row.manifest)
            report(len(row.manifest))
            self._save(found)
        return bool(some)

    def check_manifest(self, key_id: str, name: str, sealed: bytes) -> tuple[Kind, str] | None:
        """What is wrong with a sealed manifest."""
        digest = Digest.parse(name)
        try:
            content = self._vault.open(key_id, sealed, name)
            actual = Digest.of(content, digest.algorithm)
            if actual != digest:
                raise Damaged(f"its content has the digest {actual}")
        except Damaged as error:
            return "damaged", str(error)
        except (KeyNotFound, KeyUnavailable) as error:
            return "unreadable", str(error)
        return None

    def _loose_links(self) -> list[Problem]:
        held = sa.exists(links.c.blob_id).where(
            links.c.repository_id == images.c.repository_id,
            links.c.blob_id == image_blobs.c.blob_id,
        )
        needed = (
            sa.select(blob_rows.c.digest, image_blobs.c.blob_id, images.c.repository_id)
            .join(image_blobs, image_blobs.c.blob_id == blob_rows.c.id)
            .join(images, images.c.id == image_blobs.c.image_id)
            .where(~held)
            .distinct()
        )
        forgotten = (
            sa.select(blob_rows.c.digest, links.c.blob_id, links.c.repository_id)
            .join(links, links.c.blob_id == blob_rows.c.id)
            .where(links.c.idle_since.is_(None), ~referenced())
            .where(links.c.repository_id.not_in(shadows_of_images()))
        )
        with self._database.read() as connection:
            return [
                *_links("unlinked", "an image needs it", connection.execute(needed)),
                *_links("forgotten", "no image needs it", connection.execute(forgotten)),
            ]

    def _orphans(self, found: Found) -> list[Problem]:
        problems = []
        for count, paths in strays.objects(self._database, self._storage):
            found.objects += count
            for path in paths:
                with suppress(ObjectNotFound):  # a server was just deleting it
                    size = self._storage.stat(path).size
                    problems.append(Problem("orphaned", "object", path, f"{size:,} bytes"))
            self._task.renew()
        return problems

    def _save(self, found: Found) -> None:
        if time.monotonic() - self._saved < _SAVE_SECONDS:
            return
        if not self._task.save(asdict(found)):
            raise Conflict("another process has taken the verification over")
        self._saved = time.monotonic()


def _links(
    kind: Literal["unlinked", "forgotten"], detail: str, rows: Iterable[sa.Row[Any]]
) -> list[Problem]:
    return [
        Problem(kind, "link", row.digest, detail, row.blob_id, row.repository_id) for row in rows
    ]


def _found(state: dict[str, Any]) -> Found:
    known = {item.name: state[item.name] for item in fields(Found)}
    return Found(**{**known, "problems": [Problem(**each) for each in state["problems"]]})
