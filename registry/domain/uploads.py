"""Uploads: how a blob's bytes come in, in one piece or several, and become a blob.

Each piece is an object of its own, hashed and encrypted while it arrives; the row of the
upload says which pieces count. A crash at any moment leaves either the row as it was, or as
it should be: no state is kept in memory between requests, and no hash state is ever stored.
"""

from __future__ import annotations

import uuid
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import upload_parts, uploads
from registry.domain import blobs
from registry.domain.blobs import Blob
from registry.domain.vault import blob_path, new_object, upload_path
from registry.values.digest import CANONICAL, Digest, hasher
from registry.values.errors import (
    Damaged,
    DigestInvalid,
    ObjectNotFound,
    RangeInvalid,
    SizeInvalid,
    Unavailable,
    UploadConflict,
    UploadNotFound,
)

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.repositories import Repository
    from registry.domain.vault import Vault
    from registry.storage.driver import Buffer

SIZE_MAX = 52_000 * 1024 * 1024
"""Bytes of a layer at most: ECR's quota, "Layer size"."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload as it stands."""

    id: str
    size: int
    """Bytes received so far."""
    appended: int = 0
    """How many of them the request that returned this had brought."""


@dataclass(frozen=True, slots=True)
class Part:
    """One stored piece."""

    object: str
    size: int
    digest: Digest


class Uploads:
    """Start, append, finish, cancel. An upload is known only to the principal who began it."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def start(self, repository: Repository, principal: str) -> Upload:
        """Begin an empty upload for the principal with that ARN.

        Raises KeyNotFound, KeyUnavailable.
        """
        self._vault.check(repository.key_id)
        upload = Upload(str(uuid.uuid4()), 0)
        now = datetime.now(UTC)
        with self._database.write() as connection:
            connection.execute(
                sa.insert(uploads).values(
                    id=upload.id,
                    repository_id=repository.id,
                    principal=principal,
                    size=0,
                    created_at=now,
                    updated_at=now,
                )
            )
        return upload

    def get(self, repository: Repository, principal: str, upload_id: str) -> Upload:
        """The upload. Raises UploadNotFound, also for somebody else's."""
        with self._database.read() as connection:
            row = connection.execute(_owned(repository, principal, upload_id)).first()
        if row is None:
            raise UploadNotFound(f"upload {upload_id[:64]!r} is not known here")
        return Upload(row.id, row.size)

    def sizes(self, repository: Repository, principal: str, upload_id: str) -> list[int]:
        """Bytes of each piece received so far, in order. Raises UploadNotFound."""
        return [part.size for part in self._parts(self.get(repository, principal, upload_id))]

    def append(
        self,
        repository: Repository,
        principal: str,
        upload_id: str,
        chunks: Iterable[Buffer],
        *,
        offset: int | None = None,
        algorithm: str = CANONICAL,
    ) -> Upload:
        """Store the chunks behind what is there; all of them or none.

        `offset` is where the client believes the upload stands. Raises UploadNotFound,
        RangeInvalid, SizeInvalid, UploadConflict if another request was quicker, and whatever
        `chunks` or storage raise.
        """
        upload = self.get(repository, principal, upload_id)
        _check_offset(upload, offset)
        part = self._store(repository, upload, chunks, algorithm)
        if part.size == 0:
            self._drop(repository, upload, [part])
            return upload
        try:
            return self._record(upload, part)
        except BaseException:
            self._drop(repository, upload, [part])
            raise

    def finish(
        self, repository: Repository, principal: str, upload_id: str, digest: Digest
    ) -> Blob:
        """Turn what was received into a blob of the repository, durably.

        Raises UploadNotFound, UploadConflict, DigestInvalid: then the upload is gone.
        """
        upload = self.get(repository, principal, upload_id)
        parts = self._parts(upload)
        try:
            whole = self._whole(repository, upload, parts, digest)
        except DigestInvalid:
            self.cancel(repository, principal, upload_id)
            raise
        except ObjectNotFound:
            raise _lost_race() from None
        blob, waste = self._commit(repository, upload, whole, of_upload=whole in parts)
        self._drop(repository, upload, [part for part in parts if part.object != whole.object])
        if waste is not None:
            self._delete(repository, waste)
        return blob

    def retract(self, repository: Repository, upload: Upload) -> None:
        """Take back the last append, which led to `upload`; nothing if more has happened."""
        parts = self._parts(upload)
        if not parts or upload.appended == 0:
            return
        last, number = parts[-1], len(parts) - 1
        with self._database.write() as connection:
            changed = connection.execute(
                sa.update(uploads)
                .where(uploads.c.id == upload.id, uploads.c.size == upload.size)
                .values(size=upload.size - last.size)
            )
            if changed.rowcount == 0:
                return
            connection.execute(
                sa.delete(upload_parts).where(
                    upload_parts.c.upload_id == upload.id, upload_parts.c.number == number
                )
            )
        self._drop(repository, upload, [last])

    def cancel(self, repository: Repository, principal: str, upload_id: str) -> None:
        """Forget the upload and its bytes. Raises UploadNotFound."""
        upload = self.get(repository, principal, upload_id)
        parts = self._parts(upload)
        with self._database.write() as connection:
            connection.execute(sa.delete(uploads).where(uploads.c.id == upload.id))
        self._drop(repository, upload, parts)

    def _store(
        self, repository: Repository, upload: Upload, chunks: Iterable[Buffer], algorithm: str
    ) -> Part:
        checked = Hashing(chunks, algorithm, SIZE_MAX - upload.size)
        name = new_object()
        path = upload_path(repository.key_id, upload.id, name)
        self._vault.driver(repository.key_id).put(path, checked)
        return Part(name, checked.size, checked.digest)

    def _record(self, upload: Upload, part: Part) -> Upload:
        grown = Upload(upload.id, upload.size + part.size, part.size)
        with self._database.write() as connection:
            changed = connection.execute(
                sa.update(uploads)
                .where(uploads.c.id == upload.id, uploads.c.size == upload.size)
                .values(size=grown.size, updated_at=datetime.now(UTC))
            )
            if changed.rowcount != 1:
                raise UploadConflict("another request wrote to this upload in the meantime")
            count = sa.select(sa.func.count()).where(upload_parts.c.upload_id == upload.id)
            connection.execute(
                sa.insert(upload_parts).values(
                    upload_id=upload.id,
                    number=connection.execute(count).scalar_one(),
                    object=part.object,
                    size=part.size,
                    digest=str(part.digest),
                )
            )
        return grown

    def _parts(self, upload: Upload) -> list[Part]:
        query = sa.select(upload_parts).where(upload_parts.c.upload_id == upload.id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(upload_parts.c.number)).all()
        return [Part(row.object, row.size, Digest.parse(row.digest)) for row in rows]

    def _whole(
        self, repository: Repository, upload: Upload, parts: list[Part], digest: Digest
    ) -> Part:
        """One stored object with the content of all parts, whose digest is `digest`."""
        if len(parts) == 1 and parts[0].digest.algorithm == digest.algorithm:
            digest.verify(parts[0].digest)
            return parts[0]
        chunks = _verified(self._read(repository, upload, parts), digest)
        return self._store(repository, Upload(upload.id, 0), chunks, digest.algorithm)

    def _read(self, repository: Repository, upload: Upload, parts: list[Part]) -> Iterator[Buffer]:
        driver = self._vault.driver(repository.key_id)
        for part in parts:
            yield from driver.get(upload_path(repository.key_id, upload.id, part.object))

    def _commit(
        self, repository: Repository, upload: Upload, whole: Part, *, of_upload: bool
    ) -> tuple[Blob, str | None]:
        """Move and link; the blob, and the path of a copy that nothing refers to any more."""
        source = upload_path(repository.key_id, upload.id, whole.object)
        target = blob_path(repository.key_id, whole.digest, whole.object)
        driver = self._vault.driver(repository.key_id)
        try:
            driver.move(source, target)
            return self._link(repository, upload, whole, target)
        except ObjectNotFound:
            raise _lost_race() from None
        except BaseException:
            with suppress(Unavailable, ObjectNotFound):
                driver.move(target, source)
            if not (of_upload and self._open(upload)):
                self._delete(repository, source)
            raise

    def _open(self, upload: Upload) -> bool:
        """Whether the upload still goes on; assumed where the database does not answer."""
        query = sa.select(uploads.c.id).where(uploads.c.id == upload.id)
        with suppress(Unavailable), self._database.read() as connection:
            return connection.execute(query).first() is not None
        return True

    def _link(
        self, repository: Repository, upload: Upload, whole: Part, target: str
    ) -> tuple[Blob, str | None]:
        key_id, digest, waste = repository.key_id, whole.digest, None
        with self._database.write() as connection:
            ended = connection.execute(
                sa.delete(uploads).where(uploads.c.id == upload.id, uploads.c.size == upload.size)
            )
            if ended.rowcount != 1:
                raise UploadConflict("another request wrote to this upload in the meantime")
            old = blobs.find_stored(connection, key_id, digest)
            if old is not None and self._stands(old):
                blob, waste = old, target
            else:
                blob = blobs.store(connection, key_id, digest, whole.size, whole.object)
                waste = None if old is None else old.path
            blobs.link(connection, repository.id, blob.id)
        return blob, waste

    def _stands(self, blob: Blob) -> bool:
        """Whether the older copy is there, so that a push repairs one that was lost or cut."""
        try:
            return self._vault.driver(blob.key_id).stat(blob.path).size == blob.size
        except (ObjectNotFound, Damaged):
            return False

    def _drop(self, repository: Repository, upload: Upload, parts: Iterable[Part]) -> None:
        for part in parts:
            self._delete(repository, upload_path(repository.key_id, upload.id, part.object))

    def _delete(self, repository: Repository, path: str) -> None:
        # What stays behind when storage does not answer is waste, not damage.
        with suppress(Unavailable):
            self._vault.driver(repository.key_id).delete(path)


class Hashing:
    """Chunks that are hashed and counted on their way through. Raises SizeInvalid over `limit`."""

    def __init__(self, chunks: Iterable[Buffer], algorithm: str, limit: int) -> None:
        self._chunks = chunks
        self._hash = hasher(algorithm)
        self._limit = limit
        self.size = 0

    def __iter__(self) -> Generator[Buffer, None, None]:
        for chunk in self._chunks:
            self.size += len(chunk)
            if self.size > self._limit:
                raise SizeInvalid(f"a blob has at most {SIZE_MAX} bytes")
            self._hash.update(chunk)
            yield chunk

    @property
    def digest(self) -> Digest:
        """Of what has gone through."""
        return Digest(self._hash.name, self._hash.hexdigest())


def _verified(chunks: Iterable[Buffer], digest: Digest) -> Generator[Buffer, None, None]:
    """The chunks; DigestInvalid at their end, inside the put, unless they hash to `digest`."""
    checked = Hashing(chunks, digest.algorithm, SIZE_MAX)
    yield from checked
    digest.verify(checked.digest)


def _lost_race() -> UploadConflict:
    return UploadConflict("another request finished or cancelled this upload")


def _check_offset(upload: Upload, offset: int | None) -> None:
    if offset is not None and offset != upload.size:
        raise RangeInvalid(f"the upload stands at byte {upload.size}, not at {offset}")


def parts_of(connection: sa.Connection, repository: Repository) -> list[str]:
    """Paths of everything that the repository's open uploads hold."""
    query = (
        sa.select(upload_parts.c.upload_id, upload_parts.c.object)
        .join(uploads, uploads.c.id == upload_parts.c.upload_id)
        .where(uploads.c.repository_id == repository.id)
    )
    return [
        upload_path(repository.key_id, row.upload_id, row.object)
        for row in connection.execute(query)
    ]


def _owned(repository: Repository, principal: str, upload_id: str) -> sa.Select[Any]:
    return sa.select(uploads).where(
        uploads.c.id == upload_id,
        uploads.c.repository_id == repository.id,
        uploads.c.principal == principal,
    )
