"""The tags of an image that a request names by its digest alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import images, repositories, tags

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.values.scope import Scope


class TagsOf:
    """Looks them up, so that who may not delete a tag cannot do it by the image's digest."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, scope: Scope, repository: str, digest: str) -> list[str]:
        """The tags; none where there is no such image or repository."""
        query = (
            sa.select(tags.c.name)
            .join(images, images.c.id == tags.c.image_id)
            .join(repositories, repositories.c.id == images.c.repository_id)
            .where(
                repositories.c.account == scope.account,
                repositories.c.region == scope.region,
                repositories.c.name == repository,
                images.c.digest == digest,
            )
            .order_by(tags.c.name)
        )
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())
