"""Referrers whose subject was deleted: written down with the deletion, to follow it later.

A referrer that was pushed before its subject, as the specifications allow, is none of these.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import images, orphans, tags
from registry.domain.subject_tags import tags_of

if TYPE_CHECKING:
    from collections.abc import Sequence


def note(connection: sa.Connection, repository_id: int, image_id: int) -> None:
    """The image is about to go: whatever refers to it is an orphan from now on."""
    query = sa.select(images.c.digest).where(images.c.id == image_id)
    digest = connection.execute(query).scalar()
    if digest is None:
        return
    by_subject = sa.select(images.c.id).where(
        images.c.repository_id == repository_id, images.c.subject == digest
    )
    by_tag = sa.select(tags.c.image_id).where(
        tags.c.repository_id == repository_id, tags.c.name.in_(tags_of(digest))
    )
    found = set(connection.execute(by_subject).scalars())
    found |= set(connection.execute(by_tag).scalars())
    found -= {image_id}
    forget(connection, sorted(found))
    now = datetime.now(UTC)
    rows = [
        {"image_id": each, "repository_id": repository_id, "since": now} for each in sorted(found)
    ]
    if rows:
        connection.execute(sa.insert(orphans), rows)


def forget(connection: sa.Connection, image_ids: Sequence[int]) -> None:
    """They are none, or not any more."""
    if image_ids:
        connection.execute(sa.delete(orphans).where(orphans.c.image_id.in_(image_ids)))
