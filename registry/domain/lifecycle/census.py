"""The images of a repository as rules see them, read at once.

Rows come as the driver's own tuples: making a hundred thousand objects of them first would take
longer than to decide about them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import image_children, images, tags
from registry.domain.lifecycle.kinship import Image

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_BATCH = 500
"""Ids in one query."""


def _instant(name: str) -> sa.ColumnElement[int]:
    """As it is stored, whole microseconds: a hundred thousand datetimes take half a second."""
    return sa.type_coerce(images.c[name], sa.BigInteger).label(name)


_COLUMNS = (
    images.c.id,
    images.c.digest,
    _instant("pushed_at"),
    _instant("pulled_at"),
    images.c.status,
    _instant("archived_at"),
    _instant("activated_at"),
    images.c.subject,
)
"""None of a type that SQLAlchemy would have to make something else of."""


def census(connection: sa.Connection, repository_id: int) -> list[Image]:
    """All images of a repository, in no order that means anything."""
    mine = images.c.repository_id == repository_id
    named = sa.select(tags.c.image_id, tags.c.name).where(tags.c.repository_id == repository_id)
    listed = sa.select(image_children.c.image_id, image_children.c.digest).where(
        image_children.c.image_id.in_(sa.select(images.c.id).where(mine))
    )
    return _images(connection, sa.select(*_COLUMNS).where(mine), named, listed)


def some(connection: sa.Connection, image_ids: Sequence[int]) -> dict[int, Image]:
    """Images by their ids, those that there still are."""
    found: dict[int, Image] = {}
    for at in range(0, len(image_ids), _BATCH):
        batch = image_ids[at : at + _BATCH]
        query = sa.select(*_COLUMNS).where(images.c.id.in_(batch))
        named = sa.select(tags.c.image_id, tags.c.name).where(tags.c.image_id.in_(batch))
        listed = sa.select(image_children.c.image_id, image_children.c.digest).where(
            image_children.c.image_id.in_(batch)
        )
        found.update((each.id, each) for each in _images(connection, query, named, listed))
    return found


def _images(connection: sa.Connection, query: Any, named: Any, listed: Any) -> list[Image]:
    tagged = _grouped(_rows(connection, named))
    children = _grouped(_rows(connection, listed))
    none: tuple[str, ...] = ()
    return [
        Image._make((*row, tagged.get(row[0], none), children.get(row[0], none)))
        for row in _rows(connection, query)
    ]


def _rows(connection: sa.Connection, query: Any) -> Iterable[Any]:
    """All of them, as the driver has them."""
    cursor = connection.execute(query).cursor
    assert cursor is not None  # noqa: S101 - of a query there is one
    found: Iterable[Any] = cursor.fetchall()
    return found


def _grouped(rows: Iterable[tuple[int, str]]) -> dict[int, tuple[str, ...]]:
    """Texts by image id, each image's in one order."""
    found: dict[int, list[str]] = {}
    for image_id, text in rows:
        if image_id in found:
            found[image_id].append(text)
        else:
            found[image_id] = [text]
    return {image_id: tuple(sorted(texts)) for image_id, texts in found.items()}
