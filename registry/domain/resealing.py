"""One blob, one manifest, sealed anew under the key that their repository has now.

The key is part of an object's path, of its header, and with the header of what every frame is
checked with. So a blob is read, checked and written as a new object with a new data key: as an
upload of its own, that ends by taking the old copy's place (`superseding`) in one transaction.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import images
from registry.domain import blobs, key_spaces, upload_rows
from registry.domain.links import holds, link
from registry.domain.repositories import by_id
from registry.domain.scanning.reports import Reports
from registry.values.errors import (
    BlobNotFound,
    Damaged,
    MoorageError,
    ObjectNotFound,
    UploadConflict,
    UploadNotFound,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry.database.database import Database
    from registry.domain.blobs import Blob, Blobs
    from registry.domain.repositories import Repository
    from registry.domain.uploads import Uploads
    from registry.domain.vault import Vault
    from registry.storage.driver import Buffer

PRINCIPAL = "moorage:rekeyer"
"""Whose uploads these are."""


class Resealing:
    """Seals anew. What was deleted or moved in the meantime is passed over."""

    def __init__(self, database: Database, vault: Vault, stored: Blobs, uploads: Uploads) -> None:
        self._database = database
        self._vault = vault
        self._blobs = stored
        self._uploads = uploads
        self._reports = Reports(vault)

    def tidy(self, repository_id: int) -> None:
        """Drop the uploads that a mover was at when it was killed."""
        with self._database.read() as connection:
            repository = by_id(connection, repository_id)
            begun = upload_rows.of_principal(connection, repository_id, PRINCIPAL)
        for upload_id in begun:
            if repository is not None:
                self._cancel(repository, upload_id)

    def blob(self, repository_id: int, blob: Blob, alive: Callable[[], None]) -> bool:
        """Move a blob; whether it was moved. `alive` is called now and then, and may raise.

        Raises KeyNotFound, KeyUnavailable, Damaged, DigestInvalid, and what storage raises.
        """
        with self._database.read() as connection:
            repository = by_id(connection, repository_id)
            if repository is None or not holds(connection, repository_id, blob.id):
                return False
            there = blobs.find_stored(connection, repository.key_id, blob.digest)
        if there is not None and self._stands(there):
            return self._adopt(repository, blob, there)
        return self._copy(repository, blob, alive)

    def manifest(self, row: sa.Row[Any, Any, Any, Any, Any]) -> bool:
        """Move a manifest, whose row has been read; whether it was moved.

        Raises KeyNotFound, KeyUnavailable, Damaged.
        """
        with self._database.read() as connection:
            key_id = key_spaces.current(connection, row.repository_id)
        if key_id is None:
            return False
        content = self._vault.open(row.key_id, row.manifest, row.digest)
        sealed = self._vault.seal(key_id, content, row.digest)
        with self._database.write() as connection:
            changed = connection.execute(
                sa.update(images)
                .where(images.c.id == row.id, images.c.key_id == row.key_id)
                .values(manifest=sealed, key_id=key_id)
            )
            if moved := changed.rowcount == 1:
                self._reports.reseal(connection, row.id, row.key_id, key_id)
        return moved

    def _adopt(self, repository: Repository, blob: Blob, there: Blob) -> bool:
        """Let the repository hold the copy that another one of its key has."""
        with self._database.write() as connection:
            if not holds(connection, repository.id, blob.id):
                return False
            if blobs.find(connection, [there.id]) != [there]:
                return False
            link(connection, repository.id, there.id, instead_of=blob.id)
        return True

    def _copy(self, repository: Repository, blob: Blob, alive: Callable[[], None]) -> bool:
        upload = self._uploads.start(repository, PRINCIPAL, replaces=blob.id)
        try:
            chunks = self._read(repository, blob, alive)
            algorithm = blob.digest.algorithm
            self._uploads.append(repository, PRINCIPAL, upload.id, chunks, algorithm=algorithm)
            self._uploads.finish(repository, PRINCIPAL, upload.id, blob.digest)
        except (BlobNotFound, UploadNotFound, UploadConflict):  # deleted, or moved by a push
            self._cancel(repository, upload.id)
            return False
        except BaseException:
            self._cancel(repository, upload.id)
            raise
        return True

    def _cancel(self, repository: Repository, upload_id: str) -> None:
        # Where that fails too, the next mover or the collector drops the upload.
        with suppress(MoorageError):
            self._uploads.cancel(repository, PRINCIPAL, upload_id)

    def _stands(self, blob: Blob) -> bool:
        try:
            return self._vault.driver(blob.key_id).stat(blob.path).size == blob.size
        except (ObjectNotFound, Damaged):
            return False

    def _read(
        self, repository: Repository, blob: Blob, alive: Callable[[], None]
    ) -> Iterator[Buffer]:
        for chunk in self._blobs.open(repository, blob):
            alive()
            yield chunk
