"""The archive: images that are kept, shown and deleted, but not pulled.

What an image's status is, is written here alone. An image goes into the archive with what only
makes sense beside it, and comes back with it: the images that an index lists, and what names
any of them as its subject (signatures, SBOMs). So an active index never lists an archived image.

Source: ECR User Guide, "Archiving an image" and "Restoring an image"; ECR API reference,
UpdateImageStorageClass.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from registry.database.schema import image_children, images, tags
from registry.domain import events
from registry.domain import image_rows as rows
from registry.values.errors import ImageNotFound, StorageClassFixed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from registry.database.database import Database
    from registry.domain.images import Image
    from registry.domain.repositories import Repository

Status = Literal["ACTIVE", "ARCHIVED"]
ACTIVE: Status = "ACTIVE"
ARCHIVED: Status = "ARCHIVED"
STATUS_OF: dict[str, Status] = {"STANDARD": ACTIVE, "ARCHIVE": ARCHIVED}
"""Of images in a storage class. Nothing is ever ACTIVATING here: restoring moves no bytes."""

_WHEN = {ACTIVE: "activated_at", ARCHIVED: "archived_at"}
_BATCH = 500


class StorageClasses:
    """Moves images between the storage classes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def move(self, repository: Repository, image: Image, status: Status) -> Status:
        """Archive or restore an image with what belongs to it; the status it then has.

        An image that has the status already keeps it. Raises ImageNotFound, StorageClassFixed.
        """
        with self._database.write() as connection:
            row = rows.find(connection, repository, image.digest)
            if row is None:
                raise ImageNotFound(f"the image {image.digest} was deleted in the meantime")
            if row.status != status:
                move = archive if status == ARCHIVED else restore
                move(connection, repository, row.id)
        return status


def archive(
    connection: sa.Connection, repository: Repository, image_id: int, moment: datetime | None = None
) -> list[int]:
    """Archive the image, and what only makes sense beside it; ids of all that were active.

    An image that it lists stays active while it has a tag of its own, or another active index
    lists it. Raises StorageClassFixed while an active index lists the image itself.
    """
    if _listed_elsewhere(connection, repository.id, image_id, {image_id}):
        raise StorageClassFixed(
            "the image is listed by an index that is not archived: archive the index"
        )
    found = {image_id}
    waiting = [image_id]
    while waiting:
        beside = _children(connection, repository.id, waiting)
        free = [
            child
            for child in beside
            if child not in found and not _used(connection, repository.id, child, found)
        ]
        referring = _referrers(connection, repository.id, [*waiting, *free])
        waiting = list(dict.fromkeys([*free, *(each for each in referring if each not in found)]))
        found.update(waiting)
    return set_status(connection, repository, found, ARCHIVED, moment)


def restore(
    connection: sa.Connection, repository: Repository, image_id: int, moment: datetime | None = None
) -> list[int]:
    """Bring the image back, with all that it lists and all that refers to them; their ids."""
    found: set[int] = set()
    waiting = [image_id]
    while waiting:
        found.update(waiting)
        beside = _children(connection, repository.id, waiting)
        beside += _referrers(connection, repository.id, waiting)
        waiting = [each for each in dict.fromkeys(beside) if each not in found]
    return set_status(connection, repository, found, ACTIVE, moment)


def set_status(
    connection: sa.Connection,
    repository: Repository,
    image_ids: Iterable[int],
    status: Status,
    moment: datetime | None = None,
) -> list[int]:
    """Write the status of those that have another one, and tell of it; their ids, in order."""
    when, moment = _WHEN[status], moment or datetime.now(UTC)
    values = {"status": status, when: moment}
    wanted = sorted(set(image_ids))
    changed: list[int] = []
    for at in range(0, len(wanted), _BATCH):
        others = (images.c.id.in_(wanted[at : at + _BATCH]), images.c.status != status)
        changed += connection.execute(sa.select(images.c.id).where(*others)).scalars().all()
    for at in range(0, len(changed), _BATCH):
        mine = images.c.id.in_(changed[at : at + _BATCH])
        connection.execute(sa.update(images).where(mine).values(values))
    for image_id in (changed := sorted(changed)):
        if status == ARCHIVED:
            events.storage_class_changed(connection, repository, image_id, events.ARCHIVE)
        else:
            events.storage_class_changed(connection, repository, image_id, events.STANDARD, moment)
    return changed


def wake(connection: sa.Connection, repository: Repository, image_id: int, *, index: bool) -> None:
    """An image was pushed: it is active, and so is what it lists, whatever was archived before.

    Source: ECR User Guide, "Restoring an image": pushing it again restores it at once.
    """
    if index or status_of(connection, image_id) != ACTIVE:
        restore(connection, repository, image_id)


def status_of(connection: sa.Connection, image_id: int) -> str | None:
    """Its status; None where there is no such image."""
    status = sa.select(images.c.status).where(images.c.id == image_id)
    return connection.execute(status).scalar()


def _children(connection: sa.Connection, repository_id: int, image_ids: Sequence[int]) -> list[int]:
    """Ids of the images of the repository that these list."""
    listed = sa.select(image_children.c.digest).where(image_children.c.image_id.in_(image_ids))
    return _with(connection, repository_id, images.c.digest.in_(listed))


def _referrers(
    connection: sa.Connection, repository_id: int, image_ids: Sequence[int]
) -> list[int]:
    """Ids of the images of the repository whose subject one of these is."""
    subjects = sa.select(images.c.digest).where(images.c.id.in_(image_ids))
    return _with(connection, repository_id, images.c.subject.in_(subjects))


def _with(
    connection: sa.Connection, repository_id: int, condition: sa.ColumnElement[bool]
) -> list[int]:
    query = sa.select(images.c.id).where(images.c.repository_id == repository_id, condition)
    return list(connection.execute(query).scalars())


def _used(connection: sa.Connection, repository_id: int, image_id: int, but: set[int]) -> bool:
    """Whether somebody may pull the image although what lists it among `but` is archived."""
    tag = sa.select(tags.c.name).where(tags.c.image_id == image_id).limit(1)
    if connection.execute(tag).first() is not None:
        return True
    return _listed_elsewhere(connection, repository_id, image_id, but)


def _listed_elsewhere(
    connection: sa.Connection, repository_id: int, image_id: int, but: set[int]
) -> bool:
    """Whether an active index that is not among `but` lists the image."""
    digest = sa.select(images.c.digest).where(images.c.id == image_id).scalar_subquery()
    holder = images.alias("holder")
    query = (
        sa.select(holder.c.id)
        .join(image_children, image_children.c.image_id == holder.c.id)
        .where(
            image_children.c.digest == digest,
            holder.c.repository_id == repository_id,
            holder.c.status == ACTIVE,
        )
    )
    return any(found not in but for found in connection.execute(query).scalars())
