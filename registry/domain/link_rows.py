"""Rows of links, made, withdrawn and cut here alone: what a repository holds is counted with them.

A withdrawn link is not counted: the image that needed it was deleted.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import Instant, blobs, image_blobs, links, repositories

if TYPE_CHECKING:
    from collections.abc import Iterator


def add(connection: sa.Connection, repository_id: int, blob_id: int) -> None:
    """A new link, idle from now on."""
    now = datetime.now(UTC)
    row = {"repository_id": repository_id, "blob_id": blob_id, "created_at": now}
    connection.execute(sa.insert(links).values(**row, idle_since=now))
    _count(connection, repositories.c.id == repository_id, size(connection, blob_id))


def take(connection: sa.Connection, repository_id: int, image_id: int) -> None:
    """Let a repository that held nothing hold what an image needs; for what rests."""
    needed = sa.select(
        sa.literal(repository_id), image_blobs.c.blob_id, sa.literal(datetime.now(UTC), Instant)
    ).where(image_blobs.c.image_id == image_id)
    columns = ["repository_id", "blob_id", "created_at"]
    connection.execute(sa.insert(links).from_select(columns, needed, include_defaults=False))
    held = sa.select(sa.func.coalesce(sa.func.sum(blobs.c.size), 0)).join(
        image_blobs, image_blobs.c.blob_id == blobs.c.id
    )
    total = connection.execute(held.where(image_blobs.c.image_id == image_id)).scalar_one()
    _count(connection, repositories.c.id == repository_id, total)


def remove(
    connection: sa.Connection,
    repository_id: int,
    blob_id: int,
    *conditions: sa.ColumnElement[bool],
) -> bool:
    """Cut a link, if it is as the conditions say; whether it was there."""
    query = sa.select(links.c.withdrawn).where(*of(repository_id, blob_id), *conditions)
    found = connection.execute(query).first()
    if found is None:
        return False
    connection.execute(sa.delete(links).where(*of(repository_id, blob_id)))
    if not found.withdrawn:
        _uncount(connection, repositories.c.id == repository_id, blob_id)
    return True


def withdraw(
    connection: sa.Connection, repository_id: int, *conditions: sa.ColumnElement[bool]
) -> None:
    """Serve the blobs no more."""
    which = (links.c.repository_id == repository_id, ~links.c.withdrawn, *conditions)
    total = _total(connection, which)
    connection.execute(sa.update(links).where(*which).values(withdrawn=True))
    _count(connection, repositories.c.id == repository_id, -total)


def serve(
    connection: sa.Connection, repository_id: int, *conditions: sa.ColumnElement[bool]
) -> bool:
    """Serve what was withdrawn again; whether there was any."""
    which = (links.c.repository_id == repository_id, links.c.withdrawn, *conditions)
    if connection.execute(sa.select(links.c.blob_id).where(*which).limit(1)).first() is None:
        return False
    total = _total(connection, which)
    connection.execute(sa.update(links).where(*which).values(withdrawn=False))
    _count(connection, repositories.c.id == repository_id, total)
    return True


def remove_all(connection: sa.Connection, repository_id: int) -> None:
    """Cut every link of a repository."""
    connection.execute(sa.delete(links).where(links.c.repository_id == repository_id))
    mine = repositories.c.id == repository_id
    connection.execute(sa.update(repositories).where(mine).values(bytes=0))


def remove_everywhere(connection: sa.Connection, blob_id: int) -> None:
    """Cut every link of a blob."""
    holding = sa.select(links.c.repository_id).where(links.c.blob_id == blob_id, ~links.c.withdrawn)
    _uncount(connection, repositories.c.id.in_(holding), blob_id)
    connection.execute(sa.delete(links).where(links.c.blob_id == blob_id))


def of(repository_id: int, blob_id: int) -> Iterator[sa.ColumnElement[bool]]:
    """What selects a link."""
    yield links.c.repository_id == repository_id
    yield links.c.blob_id == blob_id


def size(connection: sa.Connection, blob_id: int) -> int:
    """Bytes of a blob."""
    query = sa.select(blobs.c.size).where(blobs.c.id == blob_id)
    return int(connection.execute(query).scalar_one())


def _total(connection: sa.Connection, which: tuple[sa.ColumnElement[bool], ...]) -> int:
    """Bytes of the blobs of some links."""
    query = sa.select(sa.func.coalesce(sa.func.sum(blobs.c.size), 0))
    query = query.select_from(links.join(blobs, blobs.c.id == links.c.blob_id)).where(*which)
    return int(connection.execute(query).scalar_one())


def _count(connection: sa.Connection, holding: sa.ColumnElement[bool], count: int) -> None:
    added = sa.update(repositories).where(holding).values(bytes=repositories.c.bytes + count)
    connection.execute(added)


def _uncount(connection: sa.Connection, holding: sa.ColumnElement[bool], blob_id: int) -> None:
    of_blob = sa.select(blobs.c.size).where(blobs.c.id == blob_id).scalar_subquery()
    taken = sa.update(repositories).where(holding).values(bytes=repositories.c.bytes - of_blob)
    connection.execute(taken)
