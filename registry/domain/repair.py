"""What a verification found, put right: from another copy, or else by dropping the row.

Bytes that were a blob once are never deleted here: what fails its check is moved below
`damaged/`, where nothing looks. A blob that is dropped is asked for again by the next push,
and the images that name it are whole again when it comes.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import blobs as blob_rows
from registry.database.schema import image_blobs, image_gaps, images, links
from registry.domain import blobs, image_rows, link_rows, strays
from registry.domain.links import referenced, relink
from registry.domain.rest_rows import shadows_of_images
from registry.domain.tasks import now
from registry.domain.uploads import verified
from registry.domain.vault import blob_path, key_of, new_object
from registry.values.errors import MoorageError, ObjectNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry.database.database import Database
    from registry.domain.blobs import Blob
    from registry.domain.vault import Vault
    from registry.domain.verification import Found, Problem, Verification
    from registry.storage.driver import Driver

FEW = 10
"""So many blobs may be lost, whatever their share, before something else must be wrong."""


def implausible(found: Found) -> bool:
    """Whether so much is lost that the storage or the keyring is more likely the wrong one."""
    lost = sum(1 for problem in found.problems if problem.kind in {"missing", "damaged"})
    return lost > max(FEW, (found.blobs + found.manifests) // 10)


class Repair:
    """Looks at each problem again, and puts right what is still wrong."""

    def __init__(
        self, database: Database, vault: Vault, storage: Driver, verification: Verification
    ) -> None:
        self._database = database
        self._vault = vault
        self._storage = storage
        self._verification = verification

    def one(self, problem: Problem) -> str:
        """What was done. Raises what storage raises."""
        kinds: dict[str, Callable[[Problem], str]] = {
            "blob": self._blob,
            "manifest": self._manifest,
            "link": self._link,
            "object": self._object,
        }
        if problem.kind == "unreadable":
            return f"left alone: {problem.detail}"
        return kinds[problem.subject](problem)

    def _blob(self, problem: Problem) -> str:
        with self._database.read() as connection:
            found = blobs.find(connection, [problem.id])
        if not found:
            return "gone meanwhile"
        blob = found[0]
        wrong = self._verification.check(blob, _nobody)
        if wrong is None:
            return "whole by now"
        for name in self._copies(blob):
            if not self._replace(blob, name):
                return "replaced meanwhile"
            self._set_aside(blob)
            return "taken from another copy"
        count = self._drop(blob)
        if count is None:
            return "replaced meanwhile"
        self._set_aside(blob)
        return f"dropped; {count} images need it and are whole when it is pushed again"

    def _copies(self, blob: Blob) -> Iterator[str]:
        """Names of whole objects for the blob, under its own key."""
        folder = blob.path.rpartition("/")[0]
        for path in strays.unknown(self._database, list(self._storage.list(folder))):
            name = path.rpartition("/")[2]
            copy = blobs.Blob(blob.id, blob.key_id, blob.digest, blob.size, name)
            if self._verification.check(copy, _nobody) is None:
                yield name
        with self._database.read() as connection:
            same = sa.select(blob_rows.c.id).where(blob_rows.c.digest == str(blob.digest))
            others = blobs.find(connection, list(connection.execute(same).scalars()))
        for other in others:
            if other.id != blob.id and (copied := self._copied(other, blob)):
                yield copied

    def _copied(self, source: Blob, blob: Blob) -> str | None:
        """The name of a new object, read from what lies under another key."""
        name = new_object()
        with suppress(MoorageError):
            chunks = self._vault.driver(source.key_id).get(source.path)
            path = blob_path(blob.key_id, blob.digest, name)
            self._vault.driver(blob.key_id).put(path, verified(chunks, blob.digest))
            return name
        return None

    def _replace(self, blob: Blob, name: str) -> bool:
        with self._database.write() as connection:
            changed = connection.execute(
                sa.update(blob_rows)
                .where(blob_rows.c.id == blob.id, blob_rows.c.object == blob.object)
                .values(object=name)
            )
        return changed.rowcount == 1

    def _drop(self, blob: Blob) -> int | None:
        """Forget the blob; how many images miss it now. None if it is another by now."""
        with self._database.write() as connection:
            if blobs.find(connection, [blob.id]) != [blob]:
                return None
            query = sa.select(image_blobs.c.image_id).where(image_blobs.c.blob_id == blob.id)
            needing = list(connection.execute(query.union(_resting(blob))).scalars())
            rows = [{"image_id": each, "digest": str(blob.digest)} for each in needing]
            if rows:
                connection.execute(sa.insert(image_gaps), rows)
            link_rows.remove_everywhere(connection, blob.id)
            connection.execute(sa.delete(blob_rows).where(blob_rows.c.id == blob.id))
        return len(needing)

    def _set_aside(self, blob: Blob) -> None:
        with suppress(ObjectNotFound):
            self._storage.move(blob.path, "damaged/" + blob.path.partition("/")[2])

    def _manifest(self, problem: Problem) -> str:
        query = (
            sa.select(images.c.digest, images.c.manifest, images.c.repository_id)
            .add_columns(images.c.key_id)
            .where(images.c.id == problem.id)
        )
        with self._database.write() as connection:
            row = connection.execute(query).first()
            if row is None:
                return "gone meanwhile"
            if not self._verification.check_manifest(row.key_id, row.digest, row.manifest):
                return "whole by now"
            image_rows.delete(connection, row.repository_id, problem.id)
        return "dropped with its tags: push the image again"

    def _link(self, problem: Problem) -> str:
        with self._database.write() as connection:
            if not blobs.find(connection, [problem.id]):
                return "gone meanwhile"
            relink(connection, problem.repository_id, problem.id)
            mine = (links.c.repository_id == problem.repository_id, links.c.blob_id == problem.id)
            connection.execute(sa.update(links).where(*mine, referenced()).values(idle_since=None))
            idle = sa.update(links).where(*mine, ~referenced(), links.c.idle_since.is_(None))
            connection.execute(idle.values(idle_since=now()))
        return "linked" if problem.kind == "unlinked" else "left to the next collection"

    def _object(self, problem: Problem) -> str:
        if not strays.unknown(self._database, [problem.name]):
            return "needed by now"
        self._vault.driver(key_of(problem.name)).delete(problem.name)
        return "deleted"


def _resting(blob: Blob) -> sa.Select[Any]:
    """The images at rest that need the blob."""
    held = sa.select(links.c.repository_id).where(links.c.blob_id == blob.id)
    return sa.select(images.c.id).where(
        images.c.repository_id.in_(held), images.c.repository_id.in_(shadows_of_images())
    )


def _nobody(_count: int) -> None:
    """Whoever repairs shows no progress."""
