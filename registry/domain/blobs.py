"""Blobs and which repository may serve them.

A blob is stored once for each key; a link says that a repository holds it. What has no link
left is deleted with its last link, in the same transaction: its object's name is its own, so
the bytes can go after the commit without a race against a push of the same content.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import blobs, image_blobs, images, links, repositories
from registry.domain.vault import blob_path
from registry.values.digest import Digest
from registry.values.errors import (
    BlobNotFound,
    BlobReferenced,
    Damaged,
    ObjectNotFound,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from registry.database.database import Cache, Database
    from registry.domain.repositories import Repository
    from registry.domain.vault import Vault
    from registry.storage.driver import Buffer


_BATCH = 500
"""Digests in one query."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored blob."""

    id: int
    key_id: str
    digest: Digest
    size: int
    object: str

    @property
    def path(self) -> str:
        """Where its bytes lie."""
        return blob_path(self.key_id, self.digest, self.object)


class Blobs:
    """Find, read, mount and unlink."""

    def __init__(self, database: Database, cache: Cache, vault: Vault) -> None:
        self._database = database
        self._cache = cache
        self._vault = vault

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
            blob = find_linked(connection, repository, digest)
            if blob is None:
                raise _unknown(digest, repository)
            _refuse_referenced(connection, repository, blob)
            connection.execute(
                sa.delete(links).where(
                    links.c.repository_id == repository.id, links.c.blob_id == blob.id
                )
            )
            orphans = _drop_unlinked(connection, [blob])
        discard(self._vault, orphans)

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
            blob = find_linked(connection, repository, digest)
            if blob is not None:
                return blob
            candidates = list(connection.execute(_holders(repository, digest, source)))
        for candidate in candidates:
            if may_read(candidate.name) and (
                blob := self._link(repository, digest, candidate.repository_id)
            ):
                return blob
        return None

    def _link(self, repository: Repository, digest: Digest, source_id: int) -> Blob | None:
        with self._database.write() as connection:
            still = connection.execute(
                _linked(source_id, digest).where(blobs.c.key_id == repository.key_id)
            ).first()
            if still is None:
                return None
            blob = _blob(still)
            link(connection, repository.id, blob.id)
            return blob

    def _find(self, repository: Repository, digest: Digest) -> Blob | None:
        with self._database.read() as connection:
            return find_linked(connection, repository, digest)


def find_linked(connection: sa.Connection, repository: Repository, digest: Digest) -> Blob | None:
    """The blob, if the repository holds it."""
    row = connection.execute(_linked(repository.id, digest)).first()
    return None if row is None else _blob(row)


def find_all_linked(
    connection: sa.Connection, repository: Repository, digests: Iterable[Digest]
) -> dict[Digest, Blob]:
    """Those of the blobs that the repository holds: few queries, as a writer waits for them."""
    wanted = list(dict.fromkeys(map(str, digests)))
    found: dict[Digest, Blob] = {}
    for at in range(0, len(wanted), _BATCH):
        query = (
            sa.select(blobs)
            .join(links, links.c.blob_id == blobs.c.id)
            .where(
                links.c.repository_id == repository.id,
                blobs.c.key_id == repository.key_id,
                blobs.c.digest.in_(wanted[at : at + _BATCH]),
            )
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


def store(connection: sa.Connection, key_id: str, digest: Digest, size: int, name: str) -> Blob:
    """Record a blob whose object is in its place, replacing a copy that is lost."""
    values = {"size": size, "object": name, "created_at": datetime.now(UTC)}
    old = find_stored(connection, key_id, digest)
    if old is None:
        new = {"key_id": key_id, "digest": str(digest), **values}
        connection.execute(sa.insert(blobs).values(new))
    else:
        connection.execute(sa.update(blobs).where(blobs.c.id == old.id).values(values))
    stored = find_stored(connection, key_id, digest)
    assert stored is not None  # noqa: S101 - inserted above, in this transaction
    return stored


def link(connection: sa.Connection, repository_id: int, blob_id: int) -> None:
    """Let a repository hold a blob; again is no harm."""
    held = sa.select(links.c.blob_id).where(
        links.c.repository_id == repository_id, links.c.blob_id == blob_id
    )
    if connection.execute(held).first() is None:
        connection.execute(
            sa.insert(links).values(
                repository_id=repository_id, blob_id=blob_id, created_at=datetime.now(UTC)
            )
        )


def unlink_all(connection: sa.Connection, repository_id: int) -> list[Blob]:
    """Take every blob out of a repository; those that nobody holds any more."""
    query = (sa.select(blobs).join(links, links.c.blob_id == blobs.c.id)).where(
        links.c.repository_id == repository_id
    )
    held = [_blob(row) for row in connection.execute(query)]
    # Images hold blobs too: they go first, as the repository that is being deleted would do.
    connection.execute(sa.delete(images).where(images.c.repository_id == repository_id))
    connection.execute(sa.delete(links).where(links.c.repository_id == repository_id))
    return _drop_unlinked(connection, held)


def discard(vault: Vault, orphans: Iterable[Blob]) -> None:
    """Delete the bytes of blobs whose rows are gone.

    A failure leaves bytes that nothing refers to, never a row without bytes.
    """
    for blob in orphans:
        with suppress(Unavailable):
            vault.driver(blob.key_id).delete(blob.path)


def _drop_unlinked(connection: sa.Connection, held: Iterable[Blob]) -> list[Blob]:
    orphans = []
    for blob in held:
        others = sa.select(links.c.blob_id).where(links.c.blob_id == blob.id).limit(1)
        if connection.execute(others).first() is None:
            connection.execute(sa.delete(blobs).where(blobs.c.id == blob.id))
            orphans.append(blob)
    return orphans


def _refuse_referenced(connection: sa.Connection, repository: Repository, blob: Blob) -> None:
    query = (
        sa.select(images.c.digest)
        .join(image_blobs, image_blobs.c.image_id == images.c.id)
        .where(images.c.repository_id == repository.id, image_blobs.c.blob_id == blob.id)
        .limit(1)
    )
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
    return (
        sa.select(blobs)
        .join(links, links.c.blob_id == blobs.c.id)
        .where(links.c.repository_id == repository_id, blobs.c.digest == str(digest))
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
        )
        .order_by(repositories.c.name)
    )
    return query if source is None else query.where(repositories.c.name == source)


def _blob(row: sa.Row[Any]) -> Blob:
    return Blob(row.id, row.key_id, Digest.parse(row.digest), row.size, row.object)


def _unknown(digest: Digest, repository: Repository) -> BlobNotFound:
    return BlobNotFound(f"blob {digest} is not in the repository '{repository.name}'")
