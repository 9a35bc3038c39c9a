"""How a thing that rests comes back, in the transaction that is given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

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
from registry.domain import events, key_spaces, quotas, shadows, storage_class
from registry.domain.links import fill_gap, hold, link
from registry.domain.repositories import Repository, find
from registry.domain.rest_rows import Resting, resting_image, resting_referrers, stands
from registry.values.errors import Conflict, RepositoryExists
from registry.values.reference import repository_name


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


def restore_repository(connection: sa.Connection, item: Resting, name: str) -> Restored:
    """All of it. Raises NameInvalid, RepositoryExists, QuotaExceeded."""
    repository_name(name)
    if find(connection, item.scope, name) is not None:
        raise RepositoryExists(
            f"The repository with name '{name}' already exists in the registry with id"
            f" '{item.scope.account}': bring '{item.repository}' back under another name"
        )
    assert item.shadow_id is not None  # noqa: S101 - of a repository it is set
    quotas.require_repository_room(connection, item.scope)
    shadows.show(connection, item.shadow_id, item.scope, name)
    quotas.require_room(connection, item.shadow_id, 0)
    connection.execute(sa.delete(resting).where(resting.c.id == item.id))
    back = find(connection, item.scope, name)
    assert back is not None  # noqa: S101 - shown above
    events.repository_created(connection, back)
    return Restored(name)


def restore_tag(connection: sa.Connection, item: Resting, target: Repository) -> Restored:
    """The tag, and its image if that rests, too. Raises Conflict, QuotaExceeded."""
    digest = str(item.digest)
    image = _live(connection, target.id, digest)
    back = Restored(item.repository)
    if image is None:
        gone = resting_image(connection, item, digest)
        if gone is None:
            raise Conflict(f"the image {digest} of the tag '{item.tags[0]}' is gone")
        back = restore_image(connection, gone, target)
        image = _live(connection, target.id, digest)
    connection.execute(sa.delete(resting).where(resting.c.id == item.id))
    return back + _point_tags(connection, target, item, image)


def restore_image(connection: sa.Connection, item: Resting, target: Repository) -> Restored:
    """The image; then its children and referrers, each as deep as they go.

    Raises QuotaExceeded.
    """
    back, waiting = Restored(item.repository), [item]
    while waiting:
        this = waiting.pop()
        if not stands(connection, this):
            continue
        back += _move_back(connection, this, target)
        listed = _listed(connection, target.id, str(this.digest))
        children = [resting_image(connection, this, digest) for digest in listed]
        waiting += [child for child in children if child is not None]
        waiting += resting_referrers(connection, this)
    _wake(connection, target, str(item.digest))
    return back


def _wake(connection: sa.Connection, target: Repository, digest: str) -> None:
    """What an active image lists may have been archived after that was deleted: no more."""
    image_id = _live(connection, target.id, digest)
    if image_id and storage_class.status_of(connection, image_id) == storage_class.ACTIVE:
        storage_class.restore(connection, target, image_id)


def _move_back(connection: sa.Connection, item: Resting, target: Repository) -> Restored:
    digest, shadow_id = str(item.digest), item.shadow_id
    image_id = _live(connection, target.id, digest)
    back = Restored(item.repository)
    if image_id is None:
        quotas.require_image_room(connection, target.id)
        query = sa.select(images.c.id).where(images.c.repository_id == shadow_id)
        image_id = connection.execute(query).scalar_one()
        _relink(connection, target.id, image_id, shadow_id)
        back = replace(back, images=(digest,))
    back += _point_tags(connection, target, item, image_id)
    # Its row of what rests goes with it, as do its links.
    connection.execute(sa.delete(repositories).where(repositories.c.id == shadow_id))
    return back


def _relink(
    connection: sa.Connection, repository_id: int, image_id: int, shadow_id: int | None
) -> None:
    """Move the image, and let its repository hold what it needs.

    What lies under another key than the repository has by now is moved there (`rekeyer`).
    """
    held = sa.select(links.c.blob_id).where(links.c.repository_id == shadow_id)
    needed = connection.execute(held).scalars().all()
    if needed:
        rows = [{"image_id": image_id, "blob_id": each} for each in needed]
        connection.execute(sa.insert(image_blobs), rows)
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
    connection: sa.Connection, target: Repository, item: Resting, image_id: int | None
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


def target_of(connection: sa.Connection, item: Resting) -> Repository:
    """The repository that an image or a tag comes back to. Raises Conflict."""
    target = find(connection, item.scope, item.repository)
    if target is None:
        raise Conflict(
            f"the repository '{item.repository}' was deleted: bring it back first, or create it"
        )
    return target


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
