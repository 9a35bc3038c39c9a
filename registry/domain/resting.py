"""Rest: what is deleted is kept out of sight for a while, so that it can be brought back.

At rest a thing is where nothing looks (`shadows`): no pull, listing or catalog finds it on any
worker from the commit of its deletion on, and its blobs are served only where another image that
lives holds them. Its bytes are held by its shadow's links, as those of any image are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from registry.database.schema import (
    image_blobs,
    images,
    lifecycle_notices,
    replications,
    resting,
    tags,
)
from registry.domain import events, image_rows, link_rows, links, orphans, shadows
from registry.domain.protection import protection_of, refuse_repository, refuse_tags
from registry.domain.repositories import current
from registry.domain.vex import marks
from registry.values.errors import Protected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.domain.repositories import Repository

Kind = Literal["repository", "image", "tag"]
RETENTION = timedelta(days=7)
_LEFT_BEHIND = (tags, image_blobs, replications, lifecycle_notices)
"""Of an image: its tags are noted, what it needs is what its shadow holds, and what was to be done
about it is not to be done any more. (Whoever asks which images need a blob is not kept by those
that rest, which may be very many.)
"""


def nothing_more(_connection: sa.Connection, _image_id: int, _tag: str | None = None) -> None:
    """For who has nothing to add to a deletion."""


@dataclass(frozen=True, slots=True)
class Removal:
    """How things are deleted on this server; each in the transaction that is given.

    All raise Protected for what must not be deleted, and Vanished.
    """

    retention: timedelta = RETENTION
    """How long they rest; zero for not at all."""
    delete_immutable: bool = True
    """Whether immutable tags, and images and repositories with such, can be deleted."""
    delete_children: bool = True
    """Whether the images that only a deleted index listed follow it."""
    deleted: Callable[..., None] = nothing_more
    """Is told an image's id, and a tag if only that goes, just before it goes."""

    def tag(self, connection: sa.Connection, repository: Repository, name: str) -> bool:
        """Delete a tag, not its image; whether there was one."""
        mine = (tags.c.repository_id == repository.id, tags.c.name == name)
        query = sa.select(images.c.id, images.c.digest).join(tags, tags.c.image_id == images.c.id)
        image = connection.execute(query.where(*mine)).first()
        if image is None:
            return False
        self._refuse(connection, repository, [name])
        events.deleted(connection, repository, image.id, [name])
        self.deleted(connection, image.id, name)
        connection.execute(sa.delete(tags).where(*mine))
        if self.retention:
            self._rest(connection, repository, "tag", digest=image.digest, names=[name])
        return True

    def image(
        self,
        connection: sa.Connection,
        repository: Repository,
        image_id: int,
        moment: datetime | None = None,
    ) -> None:
        """Delete an image with its tags, if it is still there.

        `moment` is the same for what goes together.
        """
        this = (images.c.id == image_id, images.c.repository_id == repository.id)
        digest = connection.execute(sa.select(images.c.digest).where(*this)).scalar()
        if digest is None:
            return
        names = image_rows.tags_by_image(connection, [image_id]).get(image_id, [])
        self._refuse(connection, repository, names)
        events.deleted(connection, repository, image_id, names)
        self.deleted(connection, image_id)
        marks.goes(connection, repository.id, image_id)
        orphans.note(connection, repository.id, image_id, children=self.delete_children)
        orphans.forget(connection, [image_id])
        if not self.retention:
            image_rows.delete(connection, repository.id, image_id)
            return
        links.release(connection, repository.id, image_id)
        shadow_id = shadows.make(connection, repository.id)
        connection.execute(sa.update(images).where(*this).values(repository_id=shadow_id))
        link_rows.take(connection, shadow_id, image_id)
        for table in _LEFT_BEHIND:
            connection.execute(sa.delete(table).where(table.c.image_id == image_id))
        self._rest(
            connection,
            repository,
            "image",
            digest=digest,
            names=names,
            shadow_id=shadow_id,
            moment=moment,
        )

    def refuse_repository(self, connection: sa.Connection, repository: Repository) -> None:
        """Raise Protected if the repository must not be deleted."""
        refuse_repository(connection, repository, immutable=not self.delete_immutable)

    def repository(self, connection: sa.Connection, repository: Repository) -> bool:
        """Lay the repository to rest; False where nothing rests, and it is to be deleted."""
        if not self.retention:
            return False
        shadows.hide(connection, repository.id)
        self._rest(connection, repository, "repository", shadow_id=repository.id)
        return True

    def protects(
        self, connection: sa.Connection, repository: Repository, names: Sequence[str]
    ) -> bool:
        """Whether an image with these tags must not be deleted. Raises Vanished."""
        try:
            self._refuse(connection, repository, names)
        except Protected:
            return True
        return False

    def shield(
        self, connection: sa.Connection, repository: Repository
    ) -> Callable[[Sequence[str]], bool]:
        """`protects` for many images at once, as of this transaction. Raises Vanished."""
        protection = protection_of(connection, repository)
        fixed = None if self.delete_immutable else current(connection, repository)

        def protects(names: Sequence[str]) -> bool:
            return any(
                protection.covers(name) or (fixed is not None and fixed.fixes(name))
                for name in names
            )

        return protects

    def _refuse(
        self, connection: sa.Connection, repository: Repository, names: Sequence[str]
    ) -> None:
        refuse_tags(connection, repository, names, immutable=not self.delete_immutable)

    def _rest(
        self,
        connection: sa.Connection,
        repository: Repository,
        kind: Kind,
        *,
        digest: str | None = None,
        names: Sequence[str] = (),
        shadow_id: int | None = None,
        moment: datetime | None = None,
    ) -> None:
        now = moment or datetime.now(UTC)
        row: dict[str, Any] = {
            "kind": kind,
            "account": repository.scope.account,
            "region": repository.scope.region,
            "repository": repository.name,
            "digest": digest,
            "tags": list(names),
            "shadow_id": shadow_id,
            "deleted_at": now,
            "until": now + self.retention,
            "ending": False,
        }
        connection.execute(sa.insert(resting).values(row))
