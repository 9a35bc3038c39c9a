"""What rests, listed and brought back.

An image comes back with those of its tags that no other image has by now, with the images that
it lists as an index, and with its referrers that were deleted together with it or later. A
repository comes back with everything, under its own name or another one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import blobs as blob_rows
from registry.database.schema import (
    image_blobs,
    image_children,
    image_gaps,
    images,
    links,
    repositories,
    resting,
    tags,
)
from registry.domain import image_rows, key_spaces, quotas, shadows
from registry.domain.links import fill_gap, hold, link
from registry.values.errors import Conflict, RepositoryExists, RestingNotFound
from registry.values.reference import repository_name
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.database.database import Database


@dataclass(frozen=True, slots=True)
class Resting:
    """One thing that rests."""

    id: int
    kind: str
    """repository, image or tag."""
    scope: Scope
    repository: str
    digest: str | None
    tags: tuple[str, ...]
    deleted_at: datetime
    until: datetime
    bytes: int
    """That it holds: of all its blobs, shared or not."""
    images: int
    shadow_id: int | None


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back."""

    repository: str
    images: tuple[str, ...] = ()
    """Digests; of a repository that came back whole, none."""
    tags: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    """Tags that stand on another image by now, and stay there."""

    def __add__(self, other: Restored) -> Restored:
        return Restored(
            self.repository,
            (*self.images, *other.images),
            (*self.tags, *other.tags),
            (*self.taken, *other.taken),
        )


class Undelete:
    """Lists what rests, brings it back, or ends its rest."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self, scope: Scope, repository: str | None, before: int | None, limit: int
    ) -> list[Resting]:
        """At most `limit` things that rest, the last deleted first, older than the id `before`."""
        query = _resting().where(*_in(scope)).order_by(resting.c.id.desc()).limit(limit)
        if repository is not None:
            query = query.where(resting.c.repository == repository)
        if before is not None:
            query = query.where(resting.c.id < before)
        with self._database.read() as connection:
            return [_item(row) for row in connection.execute(query)]

    def get(self, scope: Scope, item_id: int) -> Resting:
        """One of them. Raises RestingNotFound."""
        with self._database.read() as connection:
            return _get(connection, scope, item_id)

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
            item = _get(connection, scope, item_id)
            if item.kind == "repository":
                return _restore_repository(connection, item, name or item.repository)
            if name is not None:
                raise Conflict("only a repository can come back under another name")
            target = _target(connection, item)
            if item.kind == "tag":
                return _restore_tag(connection, item, target)
            return _restore_image(connection, item, target)

    def end(self, scope: Scope, item_id: int) -> Resting:
        """Let the next collection free it. Raises RestingNotFound."""
        with self._database.write() as connection:
            item = _get(connection, scope, item_id)
            mine = sa.update(resting).where(resting.c.id == item_id)
            connection.execute(mine.values(until=datetime.now(UTC)))
        return item


def _restore_repository(connection: sa.Connection, item: Resting, name: str) -> Restored:
    repository_name(name)
    if _find_repository(connection, item.scope, name) is not None:
        raise RepositoryExists(
            f"The repository with name '{name}' already exists in the registry with id"
            f" '{item.scope.account}': bring '{item.repository}' back under another name"
        )
    assert item.shadow_id is not None  # noqa: S101 - of a repository it is set
    quotas.require_repository_room(connection, item.scope)
    shadows.show(connection, item.shadow_id, item.scope, name)
    quotas.require_room(connection, item.shadow_id, 0)
    connection.execute(sa.delete(resting).where(resting.c.id == item.id))
    return Restored(name)


def _restore_tag(connection: sa.Connection, item: Resting, target: sa.Row[Any]) -> Restored:
    digest = str(item.digest)
    image = _live(connection, target.id, digest)
    back = Restored(item.repository)
    if image is None:
        gone = _resting_image(connection, item, digest)
        if gone is None:
            raise Conflict(f"the image {digest} of the tag '{item.tags[0]}' is gone")
        back = _restore_image(connection, gone, target)
        image = _live(connection, target.id, digest)
    connection.execute(sa.delete(resting).where(resting.c.id == item.id))
    return back + _point_tags(connection, target, item, image)


def _restore_image(connection: sa.Connection, item: Resting, target: sa.Row[Any]) -> Restored:
    """The image; then its children and referrers, each as deep as they go."""
    back, waiting = Restored(item.repository), [item]
    while waiting:
        this = waiting.pop()
        if not _stands(connection, this):
            continue
        back += _move_back(connection, this, target)
        listed = _listed(connection, target.id, str(this.digest))
        children = [_resting_image(connection, this, digest) for digest in listed]
        waiting += [child for child in children if child is not None]
        waiting += _resting_referrers(connection, this)
    return back


def _move_back(connection: sa.Connection, item: Resting, target: sa.Row[Any]) -> Restored:
    digest, shadow_id = str(item.digest), item.shadow_id
    image_id = _live(connection, target.id, digest)
    back = Restored(item.repository)
    if image_id is None:
        quotas.require_image_room(connection, target.id)
        query = sa.select(images.c.id).where(images.c.repository_id == shadow_id)
        image_id = connection.execute(query).scalar_one()
        _relink(connection, target.id, image_id)
        back = replace(back, images=(digest,))
    back += _point_tags(connection, target, item, image_id)
    # Its row of what rests goes with it, as do its links.
    connection.execute(sa.delete(repositories).where(repositories.c.id == shadow_id))
    return back


def _relink(connection: sa.Connection, repository_id: int, image_id: int) -> None:
    """Move the image, and let its repository hold what it needs.

    What lies under another key than the repository has by now is moved there (`rekeyer`).
    """
    mine = image_blobs.c.image_id == image_id
    needed = connection.execute(sa.select(image_blobs.c.blob_id).where(mine)).scalars().all()
    moved = sa.update(images).where(images.c.id == image_id)
    connection.execute(moved.values(repository_id=repository_id))
    for blob_id in needed:
        link(connection, repository_id, blob_id)
    sealed = sa.select(images.c.key_id).where(images.c.id == image_id)
    key_spaces.note(connection, repository_id, connection.execute(sealed).scalar_one())
    hold(connection, repository_id, image_id)
    came = (
        sa.select(blob_rows.c.id)
        .join(links, links.c.blob_id == blob_rows.c.id)
        .join(image_gaps, image_gaps.c.digest == blob_rows.c.digest)
        .where(links.c.repository_id == repository_id, image_gaps.c.image_id == image_id)
    )
    for blob_id in connection.execute(came).scalars().all():
        fill_gap(connection, repository_id, blob_id)


def _point_tags(
    connection: sa.Connection, target: sa.Row[Any], item: Resting, image_id: int | None
) -> Restored:
    """The tags that are free; those that another image has stay there."""
    query = sa.select(tags.c.name, tags.c.image_id).where(
        tags.c.repository_id == target.id, tags.c.name.in_(item.tags)
    )
    standing = {row.name: row.image_id for row in connection.execute(query)}
    free = [name for name in item.tags if name not in standing]
    now = datetime.now(UTC)
    rows = [
        {"repository_id": target.id, "name": name, "image_id": image_id, "updated_at": now}
        for name in free
    ]
    if rows:
        connection.execute(sa.insert(tags), rows)
    taken = tuple(name for name, holder in standing.items() if holder != image_id)
    return Restored(item.repository, tags=tuple(free), taken=taken)


def _target(connection: sa.Connection, item: Resting) -> sa.Row[Any]:
    """The repository that an image or a tag comes back to."""
    target = _find_repository(connection, item.scope, item.repository)
    if target is None:
        raise Conflict(
            f"the repository '{item.repository}' was deleted: bring it back first, or create it"
        )
    return target


def _find_repository(connection: sa.Connection, scope: Scope, name: str) -> sa.Row[Any] | None:
    table = repositories.c
    query: sa.Select[Any] = sa.select(table.id).where(
        table.account == scope.account, table.region == scope.region, table.name == name
    )
    return connection.execute(query).first()


def _live(connection: sa.Connection, repository_id: int, digest: str) -> int | None:
    query = sa.select(images.c.id)
    mine = (images.c.repository_id == repository_id, images.c.digest == digest)
    return connection.execute(query.where(*mine)).scalar()


def _listed(connection: sa.Connection, repository_id: int, digest: str) -> list[str]:
    """What an index lists."""
    query = (
        sa.select(image_children.c.digest)
        .join(images, images.c.id == image_children.c.image_id)
        .where(images.c.repository_id == repository_id, images.c.digest == digest)
    )
    return list(connection.execute(query).scalars())


def _resting_image(connection: sa.Connection, item: Resting, digest: str) -> Resting | None:
    """The last deleted image of that digest, of the same repository."""
    query = _resting().where(
        *_in(item.scope),
        resting.c.repository == item.repository,
        resting.c.kind == "image",
        resting.c.digest == digest,
    )
    row = connection.execute(query.order_by(resting.c.id.desc()).limit(1)).first()
    return None if row is None else _item(row)


def _resting_referrers(connection: sa.Connection, item: Resting) -> list[Resting]:
    """Those that were deleted with the image or later: none that somebody had deleted before."""
    query = (
        _resting()
        .join(images, images.c.repository_id == resting.c.shadow_id)
        .where(
            *_in(item.scope),
            resting.c.repository == item.repository,
            resting.c.kind == "image",
            resting.c.deleted_at >= item.deleted_at,
            images.c.subject == item.digest,
        )
    )
    return [_item(row) for row in connection.execute(query)]


def _stands(connection: sa.Connection, item: Resting) -> bool:
    query = sa.select(resting.c.id).where(resting.c.id == item.id)
    return connection.execute(query).first() is not None


def _get(connection: sa.Connection, scope: Scope, item_id: int) -> Resting:
    row = connection.execute(_resting().where(*_in(scope), resting.c.id == item_id)).first()
    if row is None:
        raise RestingNotFound(
            f"nothing with the number {item_id} rests in the registry with id '{scope.account}'"
        )
    return _item(row)


def _in(scope: Scope) -> tuple[sa.ColumnElement[bool], ...]:
    """Of the registry, and not being freed."""
    return (
        resting.c.account == scope.account,
        resting.c.region == scope.region,
        ~resting.c.ending,
        resting.c.until > datetime.now(UTC),
    )


def _resting() -> sa.Select[Any]:
    mine = images.c.repository_id == resting.c.shadow_id
    count = sa.select(sa.func.count()).select_from(images).where(mine).correlate(resting)
    return sa.select(
        resting,
        sa.func.coalesce(repositories.c.bytes, 0).label("bytes"),
        count.scalar_subquery().label("images"),
    ).outerjoin(repositories, repositories.c.id == resting.c.shadow_id)


def _item(row: sa.Row[Any]) -> Resting:
    return Resting(
        id=row.id,
        kind=row.kind,
        scope=Scope(row.account, row.region),
        repository=row.repository,
        digest=row.digest,
        tags=tuple(row.tags),
        deleted_at=row.deleted_at,
        until=row.until,
        bytes=row.bytes,
        images=row.images,
        shadow_id=row.shadow_id,
    )
