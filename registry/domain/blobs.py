"""Blobs and which repository may serve them.

A blob is stored once for each key; a link says that a repository holds it. What has no link
left is deleted with its last link, in the same transaction: its object's name is its own, so
the bytes can go after the commit without a race against a push of the same content.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import blobs, image_blobs, images, links, repositories
from registry.domain import key_spaces, link_rows
from registry.domain.leftovers import discard, doom
from registry.domain.links import holders, link, promise
from registry.domain.vault import blob_path
from registry.values.digest import Digest
from registry.values.errors import (
    BlobNotFound,
    BlobReferenced,
    Damaged,
    ObjectNotFound,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from registry.database.database import Cache, Database
    from registry.domain.repositories import Repository
    from registry.domain.vault import Vault
    from registry.storage.driver import Buffer


_BATCH = 500
"""Digests in one query."""
GRACE = timedelta(hours=24)
"""How long a blob that no image needs is kept after a client was told that it is there."""
_FRESH = timedelta(minutes=1)
"""For so long at most a promise is good as it is: one write a minute and blob."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored blob."""

    id: int
    key_id: str
    digest: Digest
    size: int
    object: str
    idle_since: datetime | None = None
    """Since when no image of the repository needs it, or a client was told of it last."""

    @property
    def path(self) -> str:
        """Where its bytes lie."""
        return blob_path(self.key_id, self.digest, self.object)


class Blobs:
    """Find, read, mount and unlink."""

    def __init__(
        self, database: Database, cache: Cache, vault: Vault, *, grace: timedelta = GRACE
    ) -> None:
        self._database = database
        self._cache = cache
        self._vault = vault
        self._fresh = min(_FRESH, grace / 4)

    def get(self, repository: Repository, digest: Digest) -> Blob:
        """The blob, if the repository holds it and its key is usable.

        Raises BlobNotFound, KeyNotFound, KeyUnavailable.
        """
        key = ("blob", repository.id, digest)
        found = self._cache.get(key, lambda: self._find(repository, digest))
        if found is None:
            raise _unknown(digest, repository)
        self._vault.check(found.key_id)
        return found

    def promised(self, blob: Blob) -> bool:
        """Whether the blob is safe from collection long enough to tell a client that it is there.

        If not, `promise` makes it so, and must, before anybody is told.
        """
        return blob.idle_since is None or datetime.now(UTC) - blob.idle_since < self._fresh

    def promise(self, repository: Repository, digest: Digest) -> Blob:
        """The blob as `get` finds it, kept for the whole grace period from now on.

        Raises BlobNotFound, KeyNotFound, KeyUnavailable.
        """
        blob = self.get(repository, digest)
        if not self.promised(blob):
            with self._database.write() as connection:
                if not promise(connection, repository.id, blob.id):
                    raise _unknown(digest, repository)
        return blob

    def open(
        self, repository: Repository, blob: Blob, offset: int = 0, length: int | None = None
    ) -> Generator[Buffer, None, None]:
        """The bytes, decrypted and checked as they are read.

        Raises BlobNotFound if it was deleted in the meantime, else Damaged, naming the blob.
        """
        while True:
            try:
                return self._read(blob, offset, length)
            except ObjectNotFound:
                now = self._find(repository, blob.digest)
            if now is None:
                raise _unknown(blob.digest, repository)
            if now.object == blob.object:
                raise Damaged(f"the stored bytes of {blob.digest} are missing")
            blob = now  # deleted and pushed again since it was looked up

    def _read(self, blob: Blob, offset: int, length: int | None) -> Generator[Buffer, None, None]:
        whole = offset == 0 and length in (None, blob.size)
        driver = self._vault.driver(blob.key_id)
        try:
            chunks = driver.get(blob.path, offset, None if whole else length)
        except (Damaged, ValueError) as error:  # the second: cut off before the offset
            raise _damaged(blob, error) from error
        reader = _named(blob, chunks)
        next(reader)  # from here on closing it closes the chunks
        return reader

    def unlink(self, repository: Repository, digest: Digest) -> None:
        """Take the blob out of the repository. Raises BlobNotFound, BlobReferenced."""
        with self._database.write() as connection:
            blob = find_all_linked(connection, repository, [digest]).get(digest)
            if blob is None:
                raise _unknown(digest, repository)
            _refuse_referenced(connection, repository, blob)
            link_rows.remove(connection, repository.id, blob.id)
            waste = drop_unlinked(connection, [blob])
        discard(self._database, self._vault, waste)

    def mount(
        self,
        repository: Repository,
        digest: Digest,
        source: str | None,
        may_read: Callable[[str], bool],
    ) -> Blob | None:
        """Link a blob that another repository of the same registry holds.

        `source` names that repository, None looks in all. `may_read(repository_name)` tells
        whether the caller may pull from it. None if there is nothing to mount, or if it lies
        under another key: then the client uploads. Raises KeyNotFound, KeyUnavailable.
        """
        self._vault.check(repository.key_id)
        with self._database.read() as connection:
            held = find_linked(connection, repository, digest) is not None
            candidates = list(connection.execute(_holders(repository, digest, source)))
        if held:
            with suppress(BlobNotFound):  # collected just now
                return self.promise(repository, digest)
        for candidate in candidates:
            if may_read(candidate.name) and (
                blob := self._link(repository, digest, candidate.repository_id)
            ):
                return blob
        return None

    def _link(self, repository: Repository, digest: Digest, source_id: int) -> Blob | None:
        with self._database.write() as connection:
            still = connection.execute(_linked(source_id, digest)).first()
            if still is None or still.key_id != key_spaces.current(connection, repository.id):
                return None
            blob = _blob(still)
            link(connection, repository.id, blob.id)
            return blob

    def _find(self, repository: Repository, digest: Digest) -> Blob | None:
        with self._database.read() as connection:
            return find_linked(connection, repository, digest)


def find_linked(connection: sa.Connection, repository: Repository, digest: Digest) -> Blob | None:
    """The blob, if the repository holds it, and not only for a push under way."""
    row = connection.execute(_linked(repository.id, digest)).first()
    return None if row is None else _blob(row)


def find_all_linked(
    connection: sa.Connection, repository: Repository, digests: Iterable[Digest]
) -> dict[Digest, Blob]:
    """Those of the blobs that the repository holds: few queries, as a writer waits for them.

    Withdrawn ones too: a push may have been told of them before.
    """
    wanted = list(dict.fromkeys(map(str, digests)))
    found: dict[Digest, Blob] = {}
    for at in range(0, len(wanted), _BATCH):
        query = (
            sa.select(blobs)
            .where(
                blobs.c.key_id.in_(key_spaces.readable(repository.id)),
                blobs.c.digest.in_(wanted[at : at + _BATCH]),
            )
            .where(key_spaces.link_of(repository.id).exists())
        )
        for row in connection.execute(query):
            blob = _blob(row)
            found[blob.digest] = blob
    return found


def find_stored(connection: sa.Connection, key_id: str, digest: Digest) -> Blob | None:
    """The blob under a key, whoever holds it."""
    row = connection.execute(
        sa.select(blobs).where(blobs.c.key_id == key_id, blobs.c.digest == str(digest))
    ).first()
    return None if row is None else _blob(row)


def store(
    connection: sa.Connection,
    old: Blob | None,
    key_id: str,
    digest: Digest,
    *,
    size: int,
    name: str,
) -> Blob:
    """Record a blob whose object is in its place, instead of `old`, a copy that is lost."""
    values = {"size": size, "object": name, "created_at": datetime.now(UTC)}
    if old is not None:
        connection.execute(sa.update(blobs).where(blobs.c.id == old.id).values(values))
        return Blob(old.id, key_id, digest, size, name)
    new = {"key_id": key_id, "digest": str(digest), **values}
    key = connection.execute(sa.insert(blobs).values(new)).inserted_primary_key
    assert key is not None  # noqa: S101 - one row was inserted
    return Blob(int(key[0]), key_id, digest, size, name)


def unlink_all(connection: sa.Connection, repository_id: int) -> list[str]:
    """Take every blob out of a repository; the paths to `discard` after the commit."""
    query = (sa.select(blobs).join(links, links.c.blob_id == blobs.c.id)).where(
        links.c.repository_id == repository_id
    )
    held = [_blob(row) for row in connection.execute(query)]
    # Images hold blobs too: they go first, as the repository that is being deleted would do.
    connection.execute(sa.delete(images).where(images.c.repository_id == repository_id))
    link_rows.remove_all(connection, repository_id)
    return drop_unlinked(connection, held)


def drop_unlinked(connection: sa.Connection, held: Iterable[Blob]) -> list[str]:
    """Forget those that no repository holds; the paths to `discard` after the commit."""
    waste = []
    for blob in held:
        others = sa.select(links.c.blob_id).where(links.c.blob_id == blob.id).limit(1)
        if connection.execute(others).first() is None:
            connection.execute(sa.delete(blobs).where(blobs.c.id == blob.id))
            waste.append(blob.path)
    doom(connection, waste)
    return waste


def find(connection: sa.Connection, blob_ids: Sequence[int]) -> list[Blob]:
    """Blobs by their ids, those that there are."""
    query = sa.select(blobs).where(blobs.c.id.in_(blob_ids)).order_by(blobs.c.id)
    return [_blob(row) for row in connection.execute(query)]


def _refuse_referenced(connection: sa.Connection, repository: Repository, blob: Blob) -> None:
    needing = holders(image_blobs, image_blobs.c.blob_id == blob.id, repository.id)
    query = sa.select(images.c.digest).where(images.c.id.in_(needing.limit(1)))
    holder = connection.execute(query).scalar()
    if holder is not None:
        raise BlobReferenced(f"blob {blob.digest} is part of image {holder}: delete that first")


def _named(blob: Blob, chunks: Generator[Buffer, None, None]) -> Generator[Buffer, None, None]:
    """The same chunks; what fails its check names the blob."""
    try:
        yield b""
        yield from chunks
    except Damaged as error:
        raise _damaged(blob, error) from error
    finally:
        chunks.close()


def _damaged(blob: Blob, error: Exception) -> Damaged:
    return Damaged(f"the stored bytes of {blob.digest} are damaged: {error}")


def _linked(repository_id: int, digest: Digest) -> sa.Select[Any]:
    # With the keys, which are few: else every link of the repository is looked at.
    link_ = key_spaces.link_of(repository_id).where(~links.c.withdrawn)
    return sa.select(blobs, link_.scalar_subquery().label("idle_since")).where(
        blobs.c.key_id.in_(key_spaces.readable(repository_id)),
        blobs.c.digest == str(digest),
        link_.exists(),
    )


def _holders(repository: Repository, digest: Digest, source: str | None) -> sa.Select[Any]:
    query = (
        sa.select(repositories.c.id.label("repository_id"), repositories.c.name)
        .join(links, links.c.repository_id == repositories.c.id)
        .join(blobs, blobs.c.id == links.c.blob_id)
        .where(
            repositories.c.account == repository.scope.account,
            repositories.c.region == repository.scope.region,
            blobs.c.digest == str(digest),
            blobs.c.key_id == repository.key_id,
            ~links.c.withdrawn,
        )
        .order_by(repositories.c.name)
    )
    return query if source is None else query.where(repositories.c.name == source)


def _blob(row: sa.Row[Any]) -> Blob:
    idle_since = getattr(row, "idle_since", None)  # a link's, where one was asked for
    return Blob(row.id, row.key_id, Digest.parse(row.digest), row.size, row.object, idle_since)


def _unknown(digest: Digest, repository: Repository) -> BlobNotFound:
    return BlobNotFound(f"blob {digest} is not in the repository '{repository.name}'")
