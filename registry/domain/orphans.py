"""What a deletion leaves behind: written down with it, to follow it later.

Referrers of the deleted image, and the images that it listed if it is an index. A referrer that
was pushed before its subject, as the specifications allow, is none of these. Who really goes is
decided when the time has come (`lifecycle.leaving`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import image_children, images, orphans, tags
from registry.domain.subject_tags import tags_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_BATCH = 500
"""Ids in one statement."""


def note(
    connection: sa.Connection, repository_id: int, image_id: int, *, children: bool = True
) -> None:
    """The image is about to go: whatever refers to it, or is listed by it, is left behind.

    Without `children` what it lists is not.
    """
    query = sa.select(images.c.digest).where(images.c.id == image_id)
    digest = connection.execute(query).scalar()
    if digest is None:
        return
    following = referrers(connection, repository_id, [digest])
    listed = listed_by(connection, repository_id, [image_id]) if children else set()
    found = (following | listed) - {image_id}
    # One whose subject was deleted before follows that, whatever else left it behind.
    following |= {each for each, child in among(connection, listed).items() if not child}
    forget(connection, sorted(found))
    now = datetime.now(UTC)
    rows = [
        {
            "image_id": each,
            "repository_id": repository_id,
            "since": now,
            "child": each not in following,
        }
        for each in sorted(found)
    ]
    if rows:
        connection.execute(sa.insert(orphans), rows)


def forget(connection: sa.Connection, image_ids: Sequence[int]) -> None:
    """They are none, or not any more."""
    for at in range(0, len(image_ids), _BATCH):
        gone = orphans.c.image_id.in_(image_ids[at : at + _BATCH])
        connection.execute(sa.delete(orphans).where(gone))


def among(connection: sa.Connection, image_ids: Iterable[int]) -> dict[int, bool]:
    """Those of the images that were left behind: whether by an index alone."""
    found: dict[int, bool] = {}
    wanted = sorted(image_ids)
    for at in range(0, len(wanted), _BATCH):
        some = orphans.c.image_id.in_(wanted[at : at + _BATCH])
        for row in connection.execute(sa.select(orphans.c.image_id, orphans.c.child).where(some)):
            found[row.image_id] = row.child
    return found


def of(connection: sa.Connection, repository_id: int) -> set[int]:
    """Ids of all images of a repository that were left behind."""
    query = sa.select(orphans.c.image_id).where(orphans.c.repository_id == repository_id)
    return set(connection.execute(query).scalars())


def referrers(connection: sa.Connection, repository_id: int, digests: Sequence[str]) -> set[int]:
    """Ids of the images that refer to these, by their manifest or by their tag."""
    return {image_id for _, image_id in referring(connection, repository_id, digests)}


def referring(
    connection: sa.Connection, repository_id: int, digests: Sequence[str]
) -> set[tuple[str, int]]:
    """Each of the digests that an image refers to, and that image's id."""
    names = {name: digest for digest in digests for name in tags_of(digest)}
    by_subject = sa.select(images.c.subject, images.c.id).where(
        images.c.repository_id == repository_id, images.c.subject.in_(digests)
    )
    by_tag = sa.select(tags.c.name, tags.c.image_id).where(
        tags.c.repository_id == repository_id, tags.c.name.in_(names)
    )
    found = {(row.subject, row.id) for row in connection.execute(by_subject)}
    return found | {(names[row.name], row.image_id) for row in connection.execute(by_tag)}


def held(
    connection: sa.Connection, repository_id: int, digests: Sequence[str]
) -> set[tuple[str, int]]:
    """Each of the digests that an image refers to or lists, and that image's id."""
    by_index = sa.select(image_children.c.digest, images.c.id).join(
        images, images.c.id == image_children.c.image_id
    )
    mine = (images.c.repository_id == repository_id, image_children.c.digest.in_(digests))
    listed = {(row.digest, row.id) for row in connection.execute(by_index.where(*mine))}
    return listed | referring(connection, repository_id, digests)


def listed_by(connection: sa.Connection, repository_id: int, image_ids: Sequence[int]) -> set[int]:
    """Ids of the images that these list."""
    listed = sa.select(image_children.c.digest).where(image_children.c.image_id.in_(image_ids))
    query = sa.select(images.c.id).where(
        images.c.repository_id == repository_id, images.c.digest.in_(listed)
    )
    return set(connection.execute(query).scalars())
