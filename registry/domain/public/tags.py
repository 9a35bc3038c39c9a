"""Tags with what they stand on, as DescribeImageTags and the gallery show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import images, tags
from registry.domain.storage_class import ACTIVE

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.repositories import Repository


@dataclass(frozen=True, slots=True)
class TagDetail:
    """A tag, and its image."""

    name: str
    created_at: datetime
    """Since when it stands on that image."""
    digest: str
    size: int
    pushed_at: datetime
    media_type: str
    artifact_type: str | None


class TagDetails:
    """Lists them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, repository: Repository, after: str, limit: int) -> list[TagDetail]:
        """At most `limit` in byte order, beginning behind `after`."""
        query = _joined(repository).where(tags.c.name > after).order_by(tags.c.name)
        return self._found(query.limit(limit))

    def latest(self, repository: Repository, limit: int) -> list[TagDetail]:
        """At most `limit`, the one that was set last first."""
        query = _joined(repository).order_by(tags.c.updated_at.desc(), tags.c.name)
        return self._found(query.limit(limit))

    def _found(self, query: sa.Select[Any]) -> list[TagDetail]:
        with self._database.read() as connection:
            return [TagDetail(*row) for row in connection.execute(query)]


def _joined(repository: Repository) -> sa.Select[Any]:
    columns = [tags.c.name, tags.c.updated_at, images.c.digest, images.c.size, images.c.pushed_at]
    columns += [images.c.media_type, images.c.artifact_type]
    return (
        sa.select(*columns)
        .join(images, images.c.id == tags.c.image_id)
        .where(tags.c.repository_id == repository.id, images.c.status == ACTIVE)
    )
