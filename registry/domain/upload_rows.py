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

from registry.database.schema import upload_parts, uploads
from registry.domain import key_spaces
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
    key_id: str
    """What its parts lie under: the repository's key when it began."""
    appended: int = 0
    """How many of them the request that returned this had brought."""
    replaces: int | None = None
    """Id of the blob whose place it takes, if the repository still holds that one."""


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
    query = _columns().where(
        uploads.c.id == upload_id,
        uploads.c.repository_id == repository_id,
        uploads.c.principal == principal,
    )
    row = connection.execute(query).first()
    return None if row is None else _upload(row)


def start(
    connection: sa.Connection,
    repository: Repository,
    upload_id: str,
    who: str,
    replaces: int | None = None,
) -> Upload:
    """A new, empty upload, under the key that the repository has now."""
    now = datetime.now(UTC)
    key_id = key_spaces.current(connection, repository.id) or repository.key_id
    row = {"id": upload_id, "repository_id": repository.id, "principal": who, "size": 0}
    kept = {**row, "key_id": key_id, "replaces": replaces}
    connection.execute(sa.insert(uploads).values(**kept, created_at=now, updated_at=now))
    return Upload(upload_id, 0, key_id, replaces=replaces)


def of_principal(connection: sa.Connection, repository_id: int, who: str) -> list[str]:
    """Ids of the uploads that the principal began in the repository."""
    query = sa.select(uploads.c.id).where(
        uploads.c.repository_id == repository_id, uploads.c.principal == who
    )
    return list(connection.execute(query).scalars())


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


def arrive(connection: sa.Connection, upload_id: str, size: int) -> bool:
    """So many bytes more are on their way in, or fewer; whether the upload is there."""
    mine = sa.update(uploads).where(uploads.c.id == upload_id)
    changed = connection.execute(mine.values(arriving=uploads.c.arriving + size))
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


def end_all(connection: sa.Connection, repository_id: int) -> list[str]:
    """Forget all uploads of a repository; the paths to `discard` after the commit."""
    query = _columns().where(uploads.c.repository_id == repository_id)
    paths: list[str] = []
    for row in connection.execute(query).all():
        paths += end(connection, row.key_id, _upload(row))
    return paths


def stale(connection: sa.Connection, before: datetime, limit: int) -> list[tuple[str, Upload]]:
    """At most `limit` uploads that nobody has worked on since, with their keys."""
    query = _columns().where(uploads.c.updated_at < before)
    found = connection.execute(query.order_by(uploads.c.updated_at).limit(limit))
    return [(row.key_id, _upload(row)) for row in found]


def touched_before(connection: sa.Connection, upload_id: str, moment: datetime) -> bool:
    """Whether nobody has worked on the upload since."""
    query = sa.select(uploads.c.id).where(uploads.c.id == upload_id, uploads.c.updated_at < moment)
    return connection.execute(query).first() is not None


def _columns() -> sa.Select[Any]:
    return sa.select(uploads.c.id, uploads.c.size, uploads.c.key_id, uploads.c.replaces)


def _upload(row: sa.Row[Any]) -> Upload:
    return Upload(row.id, row.size, row.key_id, replaces=row.replaces)


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
