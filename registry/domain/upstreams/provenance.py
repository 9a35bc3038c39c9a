"""Which images came from an upstream: they are the upstream's to give, and go nowhere else.

Source: ECR User Guide, "Private image replication": what is pushed is replicated.
"""

from __future__ import annotations

import sqlalchemy as sa

from registry.database.schema import images, tags
from registry.database.schema import upstream_images as table


def came(connection: sa.Connection, image_id: int, tag: str | None = None) -> None:
    """An image was brought, under that tag; one that was pushed under another stays as it is."""
    own = sa.select(tags.c.name).where(tags.c.image_id == image_id)
    if connection.execute(own if tag is None else own.where(tags.c.name != tag)).first() is None:
        known = sa.select(table.c.image_id).where(table.c.image_id == image_id)
        if connection.execute(known).first() is None:
            connection.execute(sa.insert(table).values(image_id=image_id))


def was_pushed(connection: sa.Connection, image_id: int) -> None:
    """An image, or another tag of it, was pushed here: it is the repository's own."""
    connection.execute(sa.delete(table).where(table.c.image_id == image_id))


def pushed() -> sa.ColumnElement[bool]:
    """What keeps a query of images to those that were pushed."""
    return ~sa.exists().where(table.c.image_id == images.c.id)
