"""How many bytes deleting images would free."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import blobs, image_blobs, links

if TYPE_CHECKING:
    from collections.abc import Sequence

_BATCH = 500
"""Ids in one query."""


def freed_bytes(connection: sa.Connection, repository_id: int, image_ids: Sequence[int]) -> int:
    """Bytes of the blobs that nothing would need any more without these images.

    No other image needs them, and no other repository holds them. They go when the garbage
    collection comes to them.
    """
    needed: Counter[int] = Counter()
    for at in range(0, len(image_ids), _BATCH):
        query = sa.select(image_blobs.c.blob_id).where(
            image_blobs.c.image_id.in_(image_ids[at : at + _BATCH])
        )
        needed.update(connection.execute(query).scalars())
    wanted = list(needed)
    return sum(
        _freed(connection, repository_id, wanted[at : at + _BATCH], needed)
        for at in range(0, len(wanted), _BATCH)
    )


def _freed(
    connection: sa.Connection, repository_id: int, blob_ids: Sequence[int], needed: Counter[int]
) -> int:
    elsewhere = sa.exists(links.c.blob_id).where(
        links.c.blob_id == blobs.c.id, links.c.repository_id != repository_id
    )
    holders = (
        sa.select(sa.func.count())
        .where(image_blobs.c.blob_id == blobs.c.id)
        .correlate(blobs)
        .scalar_subquery()
    )
    query = sa.select(blobs.c.id, blobs.c.size, holders.label("holders")).where(
        blobs.c.id.in_(blob_ids), ~elsewhere
    )
    return sum(row.size for row in connection.execute(query) if row.holders == needed[row.id])
