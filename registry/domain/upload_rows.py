"""Rows of uploads and their parts, and where a part's bytes can lie.

A part lies below `uploads/`, and from the moment a finish moves it, where the blob will lie:
both paths follow from its row. So an upload that a crash cut short in between is still an
upload, that a client can finish and that the collector can drop, with all its bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import repositories, upload_parts, uploads
from registry.domain.leftovers import doom
from registry.domain.vault import blob_path, upload_path
from registry.values.digest import Digest
from registry.values.errors import UploadConflict

if TYPE_CHECKING:
    from registry.domain.repositories import Repository

COMPOSED = -1
"""Number of the part that has the content of all the others."""


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

    def source(self, key_id: str, upload_id: str) -> str:
        """Where it lies as a part."""
        return upload_path(key_id, upload_id, self.object)

    def target(self, key_id: str) -> str:
        """Where it lies as a blob, or when it is about to become one."""
        return blob_path(key_id, self.digest, self.object)


def find(
    connection: sa.Connection, repository_id: int, principal: str, upload_id: str
) -> Upload | None:
    """The upload, if it is that principal's."""
    query = sa.select(uploads.c.id, uploads.c.size).where(
        uploads.c.id == upload_id,
        uploads.c.repository_id == repository_id,
        uploads.c.principal == principal,
    )
    row = connection.execute(query).first()
    return None if row is None else Upload(row.id, row.size)


def start(connection: sa.Connection, repository: Repository, upload_id: str, who: str) -> None:
    """A new, empty upload."""
    now = datetime.now(UTC)
    row = {"id": upload_id, "repository_id": repository.id, "principal": who, "size": 0}
    connection.execute(sa.insert(uploads).values(**row, created_at=now, updated_at=now))


def touch(connection: sa.Connection, upload_id: str) -> None:
    """The upload is being worked on."""
    connection.execute(
        sa.update(uploads).where(uploads.c.id == upload_id).values(updated_at=datetime.now(UTC))
    )


def resize(connection: sa.Connection, upload: Upload, size: int) -> bool:
    """Set the size, if nobody else changed it; whether it was set."""
    changed = connection.execute(
        sa.update(uploads)
        .where(uploads.c.id == upload.id, uploads.c.size == upload.size)
        .values(size=size, updated_at=datetime.now(UTC))
    )
    return changed.rowcount == 1


def add(connection: sa.Connection, upload_id: str, part: Part, number: int | None = None) -> None:
    """Write down a part, behind those there are."""
    if number is None:
        count = sa.select(sa.func.count()).where(
            upload_parts.c.upload_id == upload_id, upload_parts.c.number != COMPOSED
        )
        number = connection.execute(count).scalar_one()
    row = {"upload_id": upload_id, "number": number, "object": part.object, "size": part.size}
    connection.execute(sa.insert(upload_parts).values(**row, digest=str(part.digest)))


def remove(connection: sa.Connection, upload_id: str, part: Part) -> None:
    """Forget a part."""
    connection.execute(
        sa.delete(upload_parts).where(
            upload_parts.c.upload_id == upload_id, upload_parts.c.object == part.object
        )
    )


def parts(connection: sa.Connection, upload_id: str) -> tuple[list[Part], Part | None]:
    """The pieces in their order; and the one that a finish made of them all."""
    query = sa.select(upload_parts).where(upload_parts.c.upload_id == upload_id)
    found = connection.execute(query.order_by(upload_parts.c.number)).all()
    composed = [_part(row) for row in found if row.number == COMPOSED]
    pieces = [_part(row) for row in found if row.number != COMPOSED]
    return pieces, composed[0] if composed else None


def has(connection: sa.Connection, upload_id: str, part: Part) -> bool:
    """Whether the upload is open and has that part."""
    query = sa.select(upload_parts.c.number).where(
        upload_parts.c.upload_id == upload_id, upload_parts.c.object == part.object
    )
    return connection.execute(query).first() is not None


def end(
    connection: sa.Connection, key_id: str, upload: Upload, keep: Part | None = None
) -> list[str]:
    """Forget the upload; the paths to `discard` after the commit: all its bytes but `keep`'s.

    Raises UploadConflict if it is gone, no longer of that size, or has no part `keep`.
    """
    every = _every(connection, upload.id)
    waste = [part for part in every if part != keep]
    if keep is not None and keep not in every:
        raise UploadConflict("another request took back what this one was to finish")
    ended = connection.execute(
        sa.delete(uploads).where(uploads.c.id == upload.id, uploads.c.size == upload.size)
    )
    if ended.rowcount != 1:
        raise UploadConflict("another request wrote to this upload in the meantime")
    return _doom(connection, key_id, upload.id, waste)


def end_all(connection: sa.Connection, repository_id: int, key_id: str) -> list[str]:
    """Forget all uploads of a repository; the paths to `discard` after the commit."""
    query = sa.select(uploads.c.id, uploads.c.size).where(uploads.c.repository_id == repository_id)
    paths: list[str] = []
    for row in connection.execute(query).all():
        paths += end(connection, key_id, Upload(row.id, row.size))
    return paths


def stale(connection: sa.Connection, before: datetime, limit: int) -> list[tuple[str, Upload]]:
    """At most `limit` uploads that nobody has worked on since, with their keys."""
    query = (
        sa.select(repositories.c.key_id, uploads.c.id, uploads.c.size)
        .join(repositories, repositories.c.id == uploads.c.repository_id)
        .where(uploads.c.updated_at < before)
        .order_by(uploads.c.updated_at)
        .limit(limit)
    )
    return [(row.key_id, Upload(row.id, row.size)) for row in connection.execute(query)]


def touched_before(connection: sa.Connection, upload_id: str, moment: datetime) -> bool:
    """Whether nobody has worked on the upload since."""
    query = sa.select(uploads.c.id).where(uploads.c.id == upload_id, uploads.c.updated_at < moment)
    return connection.execute(query).first() is not None


def _every(connection: sa.Connection, upload_id: str) -> list[Part]:
    query = sa.select(upload_parts).where(upload_parts.c.upload_id == upload_id)
    return [_part(row) for row in connection.execute(query)]


def _doom(connection: sa.Connection, key_id: str, upload_id: str, waste: list[Part]) -> list[str]:
    # Below `uploads/` the collector finds whatever has no row: only the other place needs one.
    targets = [part.target(key_id) for part in waste]
    doom(connection, targets)
    return targets + [part.source(key_id, upload_id) for part in waste]


def _part(row: sa.Row[Any]) -> Part:
    return Part(row.object, row.size, Digest.parse(row.digest))
