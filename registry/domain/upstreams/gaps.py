"""Blobs that a manifest of a repository names, and that are not here yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import image_gaps, images
from registry.values.digest import Digest
from registry.values.errors import ImageNotFound
from registry.values.manifest import parse

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.images import Images
    from registry.domain.repositories import Repository
    from registry.values.manifest import Descriptor


class Gaps:
    """Finds them."""

    def __init__(self, database: Database, images: Images) -> None:
        self._database = database
        self._images = images

    def find(self, repository: Repository, digest: Digest) -> Descriptor | None:
        """What an image says of the blob; None where no image here is waiting for it."""
        query = (
            sa.select(images.c.digest)
            .join(image_gaps, image_gaps.c.image_id == images.c.id)
            .where(images.c.repository_id == repository.id, image_gaps.c.digest == str(digest))
            .limit(1)
        )
        with self._database.read() as connection:
            holder = connection.execute(query).scalar()
        if holder is None:
            return None
        try:
            stored = self._images.get(repository, Digest.parse(holder))
        except ImageNotFound:  # deleted in the meantime
            return None
        parts = parse(stored.content, stored.image.media_type).blobs
        return next((part for part in parts if part.digest == digest), None)
