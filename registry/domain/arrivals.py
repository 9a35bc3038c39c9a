"""Bytes that come in count while they do, where a quota limits them.

What a request has sent is written down every few MiB, added to what its upload has: so many
requests at once, each of them small enough by itself, find out together that there is no room.
Nothing is reserved that has not come: who sends little is not refused for what it might send.
Where there is no limit, nothing is written.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING

from registry.domain import upload_rows as rows
from registry.domain.quotas import limited, require_room
from registry.values.errors import UploadNotFound

if TYPE_CHECKING:
    import sqlalchemy as sa

    from registry.database.database import Database
    from registry.domain.upload_rows import Upload
    from registry.storage.driver import Buffer

STEP = 16 * 1024 * 1024
"""Bytes of one request that are not counted yet, at most."""


class Arrival:
    """What one request brings to an upload."""

    def __init__(self, database: Database, repository_id: int, upload: Upload) -> None:
        """Raises Vanished."""
        self._database = database
        self._repository_id = repository_id
        self._upload = upload
        self._noted = 0
        self._counts = upload.replaces is None

    def watch(self, chunks: Iterable[Buffer]) -> Iterable[Buffer]:
        """The chunks. Raises QuotaExceeded, UploadNotFound, Vanished in their midst."""
        with self._database.read() as connection:
            counts = self._counts and limited(connection, self._repository_id)
        return self._counted(chunks) if counts else chunks

    def _counted(self, chunks: Iterable[Buffer]) -> Generator[Buffer, None, None]:
        size = 0
        for chunk in chunks:
            size += len(chunk)
            if size - self._noted >= STEP:
                self._note(size - self._noted)
            yield chunk
            del chunk  # or a MiB of each upload is held while the next one comes

    def _note(self, size: int) -> None:
        with self._database.write() as connection:
            require_room(connection, self._repository_id, size)
            if not rows.arrive(connection, self._upload.id, size):
                raise UploadNotFound("the upload was dropped while it came in")
        self._noted += size

    def settle(self, connection: sa.Connection, size: int) -> None:
        """It becomes a part of that size in this transaction. Raises QuotaExceeded, Vanished."""
        if self._noted:
            rows.arrive(connection, self._upload.id, -self._noted)
        if self._counts:
            require_room(connection, self._repository_id, size)

    def give_up(self) -> None:
        """It comes to nothing."""
        if self._noted:
            with self._database.write() as connection:
                rows.arrive(connection, self._upload.id, -self._noted)
            self._noted = 0
