"""The end of rest: what was deleted long enough ago is freed, in small steps.

Each step is a transaction that goes on from the rows, so it can be cut short anywhere. From the
first one on the thing is `ending` and cannot be brought back: nobody ever gets half of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import blobs as blob_rows
from registry.database.schema import images, links, repositories, resting
from registry.domain import blobs, link_rows, upload_rows

if TYPE_CHECKING:
    from datetime import datetime

    from registry.domain.blobs import Blob

STEP = 50
"""Images, links or tags in one step."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one step took away."""

    held: tuple[Blob, ...] = ()
    """Blobs that lost a link; those that lost their last one are in `waste` with their path."""
    waste: tuple[str, ...] = ()
    """To `discard` after the commit."""


def is_due(connection: sa.Connection, moment: datetime) -> bool:
    """Whether there is anything to free."""
    return connection.execute(_due(moment).limit(1)).first() is not None


def survey(
    connection: sa.Connection, moment: datetime, idle: tuple[sa.ColumnElement[bool], ...]
) -> tuple[int, int, int]:
    """Links that `step` would cut, the blobs that would go with them, and their bytes.

    `idle` tells which other links are cut as well.
    """
    if not is_due(connection, moment):
        return (0, 0, 0)
    due = sa.select(resting.c.shadow_id).where(
        resting.c.until <= moment, resting.c.shadow_id.isnot(None)
    )
    mine = links.c.repository_id.in_(due)
    count = sa.select(sa.func.count()).select_from(links).where(mine)
    kept = sa.exists(links.c.blob_id).where(
        links.c.blob_id == blob_rows.c.id,
        ~mine,
        sa.or_(links.c.idle_since.is_(None), ~sa.and_(*idle)),
    )
    last = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(blob_rows.c.size), 0)).where(
        blob_rows.c.id.in_(sa.select(links.c.blob_id).where(mine)), ~kept
    )
    blob_count, size = connection.execute(last).one()
    return (connection.execute(count).scalar_one(), blob_count, size)


def step(connection: sa.Connection, moment: datetime) -> Step:
    """Free a little of what is due."""
    row = connection.execute(_due(moment).limit(1)).first()
    if row is None:
        return Step()
    if row.shadow_id is None:
        ids = [each.id for each in connection.execute(_due(moment).limit(STEP)) if not each[1]]
        connection.execute(sa.delete(resting).where(resting.c.id.in_(ids)))
        return Step()
    connection.execute(sa.update(resting).where(resting.c.id == row.id).values(ending=True))
    return _free(connection, row.shadow_id)


def _free(connection: sa.Connection, shadow_id: int) -> Step:
    mine = sa.select(images.c.id).where(images.c.repository_id == shadow_id)
    some = mine.order_by(images.c.id).limit(STEP).scalar_subquery()
    if connection.execute(sa.delete(images).where(images.c.id.in_(some))).rowcount == STEP:
        return Step()
    query = sa.select(links.c.blob_id).where(links.c.repository_id == shadow_id)
    gone = list(connection.execute(query.limit(STEP)).scalars())
    for blob_id in gone:
        link_rows.remove(connection, shadow_id, blob_id)
    held = blobs.find(connection, gone)
    waste = blobs.drop_unlinked(connection, held)
    if len(gone) < STEP:
        waste += _end(connection, shadow_id)
    return Step(tuple(held), tuple(waste))


def _end(connection: sa.Connection, shadow_id: int) -> list[str]:
    """Forget the shadow itself."""
    waste = upload_rows.end_all(connection, shadow_id)
    connection.execute(sa.delete(repositories).where(repositories.c.id == shadow_id))
    return waste


def _due(moment: datetime) -> sa.Select[Any]:
    query = sa.select(resting.c.id, resting.c.shadow_id).where(resting.c.until <= moment)
    return query.order_by(resting.c.until, resting.c.id)
