"""Uploads: how a blob's bytes come in, in one piece or several, and become a blob.

Each piece is an object of its own, hashed and encrypted while it arrives; the row of the
upload says which pieces count. A crash at any moment leaves either the row as it was, or as
it should be: no state is kept in memory between requests, and no hash state is ever stored.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from registry.domain import blobs, links
from registry.domain import upload_rows as rows
from registry.domain.arrivals import Arrival
from registry.domain.blobs import Blob
from registry.domain.leftovers import discard, doom
from registry.domain.quotas import require_any_room, require_room
from registry.domain.upload_rows import Part, Upload
from registry.domain.vault import new_object, upload_path
from registry.values.digest import CANONICAL, Digest, hasher
from registry.values.errors import (
    Damaged,
    DigestInvalid,
    ObjectNotFound,
    QuotaExceeded,
    RangeInvalid,
    SizeInvalid,
    Unavailable,
    UploadConflict,
    UploadNotFound,
)

if TYPE_CHECKING:
    import sqlalchemy as sa

    from registry.database.database import Database
    from registry.domain.repositories import Repository
    from registry.domain.vault import Vault
    from registry.storage.driver import Buffer

__all__ = ["SIZE_MAX", "Upload", "Uploads"]

SIZE_MAX = 52_000 * 1024 * 1024
"""Bytes of a layer at most: ECR's quota, "Layer size"."""
TOUCH_SECONDS = 60.0
"""How often an upload that is coming in says so: whoever looks for abandoned ones sees it."""


class Uploads:
    """Start, append, finish, cancel. An upload is known only to the principal who began it."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def start(
        self, repository: Repository, principal: str, *, replaces: int | None = None
    ) -> Upload:
        """Begin an empty upload for the principal with that ARN.

        `replaces` is the id of a blob that the repository holds, of which this is to be another
        copy: it can be finished only as long as that one is held.

        Raises KeyNotFound, KeyUnavailable, QuotaExceeded where there is no room for a byte.
        """
        self._vault.check(repository.key_id)
        with self._database.write() as connection:
            if replaces is None:
                require_any_room(connection, repository.id)
            return rows.start(connection, repository, str(uuid.uuid4()), principal, replaces)

    def require_room(self, repository: Repository, size: int) -> None:
        """Raise QuotaExceeded where a blob of that size would go over a quota now; Vanished."""
        with self._database.read() as connection:
            require_room(connection, repository.id, size)

    def get(self, repository: Repository, principal: str, upload_id: str) -> Upload:
        """The upload. Raises UploadNotFound, also for somebody else's."""
        with self._database.read() as connection:
            return _owned(connection, repository, principal, upload_id)

    def sizes(self, repository: Repository, principal: str, upload_id: str) -> list[int]:
        """Bytes of each piece received so far, in order. Raises UploadNotFound."""
        with self._database.read() as connection:
            upload = _owned(connection, repository, principal, upload_id)
            pieces, _ = rows.parts(connection, upload.id)
            return [piece.size for piece in pieces]

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
        RangeInvalid, SizeInvalid, UploadConflict if another request was quicker, QuotaExceeded,
        after which the upload is gone, and whatever `chunks` or storage raise.
        """
        upload = self.get(repository, principal, upload_id)
        repository = _as_begun(repository, upload)
        _check_offset(upload, offset)
        arrival = Arrival(self._database, repository.id, upload)
        try:
            part = self._store(repository, upload, arrival.watch(chunks), algorithm)
            return self._kept(repository, upload, part, arrival)
        except BaseException as error:
            with suppress(Unavailable):
                arrival.give_up()
            if isinstance(error, QuotaExceeded):
                with suppress(UploadNotFound):
                    self.cancel(repository, principal, upload_id)
            raise

    def finish(
        self, repository: Repository, principal: str, upload_id: str, digest: Digest
    ) -> Blob:
        """Turn what was received into a blob of the repository, durably.

        Where it fails without ending the upload, it can be asked for again.
        Raises UploadNotFound, UploadConflict; DigestInvalid, QuotaExceeded: then it is gone.
        """
        with self._database.read() as connection:
            upload = _owned(connection, repository, principal, upload_id)
            parts, composed = rows.parts(connection, upload.id)
        repository = _as_begun(repository, upload)
        try:
            whole = self._whole(repository, upload, parts, composed, digest)
            return self._become(repository, upload, whole)
        except (DigestInvalid, QuotaExceeded):
            self.cancel(repository, principal, upload_id)
            raise
        except ObjectNotFound:
            raise UploadConflict("another request finished or cancelled this upload") from None

    def retract(self, repository: Repository, upload: Upload) -> None:
        """Take back the last append, which led to `upload`; nothing if more has happened."""
        repository = _as_begun(repository, upload)
        with self._database.write() as connection:
            parts, _ = rows.parts(connection, upload.id)
            if not parts or parts[-1].size != upload.appended:
                return
            last = parts[-1]
            if not rows.resize(connection, upload, upload.size - last.size):
                return
            rows.remove(connection, upload.id, last)
            target = last.target(repository.key_id)
            doom(connection, [target])
        source = last.source(repository.key_id, upload.id)
        discard(self._database, self._vault, [target, source])

    def cancel(self, repository: Repository, principal: str, upload_id: str) -> None:
        """Forget the upload and its bytes. Raises UploadNotFound."""
        with self._database.write() as connection:
            upload = _owned(connection, repository, principal, upload_id)
            waste = rows.end(connection, upload.key_id, upload)
        discard(self._database, self._vault, waste)

    def _store(
        self, repository: Repository, upload: Upload, chunks: Iterable[Buffer], algorithm: str
    ) -> Part:
        checked = Hashing(self._alive(upload, chunks), algorithm, SIZE_MAX - upload.size)
        name = new_object()
        path = upload_path(repository.key_id, upload.id, name)
        self._vault.driver(repository.key_id).put(path, checked)
        return Part(name, checked.size, checked.digest)

    def _alive(self, upload: Upload, chunks: Iterable[Buffer]) -> Generator[Buffer, None, None]:
        """The chunks; while they come, the upload is not taken for an abandoned one."""
        touched = time.monotonic()
        for chunk in chunks:
            if time.monotonic() - touched > TOUCH_SECONDS:
                with suppress(Unavailable), self._database.write() as connection:
                    rows.touch(connection, upload.id)
                touched = time.monotonic()
            yield chunk

    def _kept(self, repository: Repository, upload: Upload, part: Part, arrival: Arrival) -> Upload:
        """The upload with what was stored; empty parts are none."""
        if part.size == 0:
            self._delete(repository, upload, part)
            return upload
        try:
            return self._record(upload, part, arrival)
        except BaseException:
            self._delete(repository, upload, part)
            raise

    def _record(self, upload: Upload, part: Part, arrival: Arrival) -> Upload:
        grown = replace(upload, size=upload.size + part.size, appended=part.size)
        with self._database.write() as connection:
            arrival.settle(connection, part.size)
            if not rows.resize(connection, upload, grown.size):
                raise UploadConflict("another request wrote to this upload in the meantime")
            rows.add(connection, upload.id, part)
        return grown

    def _whole(
        self,
        repository: Repository,
        upload: Upload,
        parts: list[Part],
        composed: Part | None,
        digest: Digest,
    ) -> Part:
        """One recorded part with the content of all, whose digest is `digest`."""
        if len(parts) == 1 and parts[0].digest.algorithm == digest.algorithm:
            digest.verify(parts[0].digest)
            return parts[0]
        if composed is not None and (composed.digest, composed.size) == (digest, upload.size):
            return composed  # by a finish that was cut short
        chunks = verified(self._read(repository, upload, parts), digest)
        whole = self._store(repository, replace(upload, size=0), chunks, digest.algorithm)
        try:
            self._record_composed(repository, upload, composed, whole)
        except BaseException:
            self._delete(repository, upload, whole)
            raise
        return whole

    def _record_composed(
        self, repository: Repository, upload: Upload, old: Part | None, whole: Part
    ) -> None:
        """Before it is moved: so a row names it wherever a crash leaves it."""
        waste: list[str] = []
        with self._database.write() as connection:
            if not rows.resize(connection, upload, upload.size):
                raise UploadConflict("another request wrote to this upload in the meantime")
            if rows.parts(connection, upload.id)[1] != old:
                raise UploadConflict("another request is finishing this upload")
            if old is not None:
                rows.remove(connection, upload.id, old)
                waste = [old.target(repository.key_id)]
                doom(connection, waste)
            rows.add(connection, upload.id, whole, rows.COMPOSED)
        if old is not None:
            waste.append(old.source(repository.key_id, upload.id))
            discard(self._database, self._vault, waste)

    def _read(self, repository: Repository, upload: Upload, parts: list[Part]) -> Iterator[Buffer]:
        driver = self._vault.driver(repository.key_id)
        for part in parts:
            try:
                chunks = driver.get(part.source(repository.key_id, upload.id))
            except ObjectNotFound:  # moved already, by a finish that was cut short
                chunks = driver.get(part.target(repository.key_id))
            yield from chunks

    def _become(self, repository: Repository, upload: Upload, whole: Part) -> Blob:
        """End the upload with a blob: the one that is there, or else this part."""
        while True:
            with self._database.read() as connection:
                stored = blobs.find_stored(connection, repository.key_id, whole.digest)
            stands = stored is not None and self._stands(stored)
            if not stands:
                self._place(repository, upload, whole)
            try:
                blob = self._commit(repository, upload, whole, stored, stands=stands)
            except BaseException:
                self._tidy(repository, upload, whole)
                raise
            if blob is not None:
                return blob

    def _place(self, repository: Repository, upload: Upload, whole: Part) -> None:
        """Have the part where the blob will be. Raises ObjectNotFound."""
        driver = self._vault.driver(repository.key_id)
        target = whole.target(repository.key_id)
        try:
            driver.move(whole.source(repository.key_id, upload.id), target)
        except ObjectNotFound:
            driver.stat(target)  # moved already, by a finish that was cut short

    def _commit(
        self,
        repository: Repository,
        upload: Upload,
        whole: Part,
        stored: Blob | None,
        *,
        stands: bool,
    ) -> Blob | None:
        """One transaction; None if another blob is stored by now than `stored`."""
        key_id = repository.key_id
        with self._database.write() as connection:
            if blobs.find_stored(connection, key_id, whole.digest) != stored:
                return None
            _check_replaced(connection, repository, upload)
            waste = rows.end(connection, key_id, upload, keep=None if stands else whole)
            if stored is not None and stands:
                blob = stored
            else:
                blob = blobs.store(
                    connection, stored, key_id, whole.digest, size=whole.size, name=whole.object
                )
                if stored is not None:  # lost or damaged, and replaced now
                    doom(connection, [stored.path])
                    waste.append(stored.path)
            links.link(connection, repository.id, blob.id, instead_of=upload.replaces)
        discard(self._database, self._vault, waste)
        return blob

    def _stands(self, blob: Blob) -> bool:
        """Whether the older copy is there, so that a push repairs one that was lost or cut."""
        try:
            return self._vault.driver(blob.key_id).stat(blob.path).size == blob.size
        except (ObjectNotFound, Damaged):
            return False

    def _tidy(self, repository: Repository, upload: Upload, part: Part) -> None:
        """After a failure: delete the part's bytes, unless a row still names them.

        Where the upload goes on they stay wherever they are, and so does a blob that another
        request made of them. Once neither row is there, neither can come back.
        """
        key_id = repository.key_id
        with suppress(Unavailable):
            with self._database.read() as connection:
                stored = blobs.find_stored(connection, key_id, part.digest)
                if rows.has(connection, upload.id, part):
                    return
            if stored is None or stored.object != part.object:
                waste = [part.target(key_id), part.source(key_id, upload.id)]
                discard(self._database, self._vault, waste)

    def _delete(self, repository: Repository, upload: Upload, part: Part) -> None:
        # What stays behind when storage does not answer is waste, not damage.
        with suppress(Unavailable):
            path = part.source(repository.key_id, upload.id)
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


def verified(chunks: Iterable[Buffer], digest: Digest) -> Generator[Buffer, None, None]:
    """The chunks; DigestInvalid at their end, inside the put, unless they hash to `digest`."""
    checked = Hashing(chunks, digest.algorithm, SIZE_MAX)
    yield from checked
    digest.verify(checked.digest)


def _owned(
    connection: sa.Connection, repository: Repository, principal: str, upload_id: str
) -> Upload:
    upload = rows.find(connection, repository.id, principal, upload_id)
    if upload is None:
        raise UploadNotFound(f"upload {upload_id[:64]!r} is not known here")
    return upload


def _check_replaced(connection: sa.Connection, repository: Repository, upload: Upload) -> None:
    if upload.replaces is not None and not links.holds(connection, repository.id, upload.replaces):
        raise UploadConflict("the blob that this was to replace was deleted in the meantime")


def _as_begun(repository: Repository, upload: Upload) -> Repository:
    """The repository with the key that it had when the upload began."""
    return replace(repository, key_id=upload.key_id)


def _check_offset(upload: Upload, offset: int | None) -> None:
    if offset is not None and offset != upload.size:
        raise RangeInvalid(f"the upload stands at byte {upload.size}, not at {offset}")
