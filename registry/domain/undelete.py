"""What rests, listed and brought back.

An image comes back with those of its tags that no other image has by now, with the images that
it lists as an index, and with its referrers that were deleted together with it or later. A
repository comes back with everything, under its own name or another one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import images, resting, tags
from registry.domain import events, image_rows
from registry.domain.rest_rows import Resting, get, item_of, select, within
from registry.domain.resting import nothing_more
from registry.domain.restoring import (
    Restored,
    restore_image,
    restore_repository,
    restore_tag,
    target_of,
)
from registry.values.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.database.database import Database
    from registry.domain.repositories import Repository
    from registry.values.scope import Scope

__all__ = ["Resting", "Restored", "Undelete"]


class Undelete:
    """Lists what rests, brings it back, or ends its rest."""

    def __init__(
        self, database: Database, pushed: Callable[[sa.Connection, int], None] = nothing_more
    ) -> None:
        """`pushed` is told the id of each image that comes back on its own."""
        self._database = database
        self._pushed = pushed

    def page(
        self, scope: Scope, repository: str | None, before: int | None, limit: int
    ) -> list[Resting]:
        """At most `limit` things that rest, the last deleted first, older than the id `before`."""
        query = select().where(*within(scope)).order_by(resting.c.id.desc()).limit(limit)
        if repository is not None:
            query = query.where(resting.c.repository == repository)
        if before is not None:
            query = query.where(resting.c.id < before)
        with self._database.read() as connection:
            return [item_of(row) for row in connection.execute(query)]

    def get(self, scope: Scope, item_id: int) -> Resting:
        """One of them. Raises RestingNotFound."""
        with self._database.read() as connection:
            return get(connection, scope, item_id)

    def contents(self, item: Resting) -> list[tuple[str, tuple[str, ...]]]:
        """Digest and tags of each image in it, at most a thousand."""
        if item.shadow_id is None:
            return []
        query = sa.select(images.c.id, images.c.digest)
        query = query.where(images.c.repository_id == item.shadow_id).order_by(images.c.id)
        with self._database.read() as connection:
            found = connection.execute(query.limit(1000)).all()
            names = image_rows.tags_by_image(connection, [row.id for row in found])
        return [(row.digest, tuple(names.get(row.id, item.tags))) for row in found]

    def restore(self, scope: Scope, item_id: int, name: str | None = None) -> Restored:
        """Bring it back; a repository under another `name`, if one is given.

        Raises RestingNotFound; RepositoryExists where the name is taken, Conflict where the
        repository of an image or tag is gone, QuotaExceeded.
        """
        with self._database.write() as connection:
            item = get(connection, scope, item_id)
            if item.kind == "repository":
                return restore_repository(connection, item, name or item.repository)
            if name is not None:
                raise Conflict("only a repository can come back under another name")
            target = target_of(connection, item)
            restored = restore_tag if item.kind == "tag" else restore_image
            back = restored(connection, item, target)
            self._tell(connection, target, back)
        return back

    def _tell(self, connection: sa.Connection, target: Repository, back: Restored) -> None:
        """To everybody else it looks like a push."""
        named = sa.select(tags.c.image_id).where(
            tags.c.repository_id == target.id, tags.c.name.in_(back.tags)
        )
        new = sa.select(images.c.id).where(
            images.c.repository_id == target.id, images.c.digest.in_(back.images)
        )
        fresh = set(connection.execute(new).scalars())
        for image_id in sorted(fresh | set(connection.execute(named).scalars())):
            names = image_rows.tags_by_image(connection, [image_id]).get(image_id, [])
            came = [each for each in names if each in back.tags]
            events.pushed(connection, target, image_id, came, is_new=image_id in fresh)
            self._pushed(connection, image_id)

    def end(self, scope: Scope, item_id: int) -> Resting:
        """Let the next collection free it. Raises RestingNotFound."""
        with self._database.write() as connection:
            item = get(connection, scope, item_id)
            mine = sa.update(resting).where(resting.c.id == item_id)
            connection.execute(mine.values(until=datetime.now(UTC)))
        return item
