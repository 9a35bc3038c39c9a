"""Links: which repository holds which blob, and how long a blob is kept that no image needs.

A link that an image of its repository needs has no `idle_since`. Any other is idle since a
client was last told that the blob is there (by an upload, a mount, a HEAD), or since the last
image that needed it went. Only links that have been idle for longer than the grace period are
collected, so a push in flight that was told "exists" finds the blob when its manifest comes
(distribution#3045). A collector has to look at idle links only, however many others there are.

A link whose image was deleted is withdrawn as well: the blob is not served any more, and kept
only for such a push.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import blobs, image_blobs, image_gaps, images, links
from registry.domain import link_rows, superseding
from registry.domain.quotas import require_room

if TYPE_CHECKING:
    from collections.abc import Iterable


_BATCH = 500
"""Blobs in one statement."""


def link(
    connection: sa.Connection, repository_id: int, blob_id: int, *, instead_of: int | None = None
) -> None:
    """Let a repository hold a blob; again renews the promise that it is there.

    `instead_of` is another copy that the repository holds: what was not served before is not
    served then either, and needs no room. Raises QuotaExceeded, Vanished.
    """
    if instead_of is not None:
        old = sa.select(links.c.withdrawn).where(*_is(repository_id, instead_of))
        withdrawn = connection.execute(old).scalar()
        relink(connection, repository_id, blob_id)
        if withdrawn:
            link_rows.withdraw(connection, repository_id, links.c.blob_id == blob_id)
        return
    counted = sa.select(links.c.blob_id).where(*_is(repository_id, blob_id), ~links.c.withdrawn)
    held = connection.execute(counted).first() is not None
    if not held and not superseding.would(connection, repository_id, blob_id):
        require_room(connection, repository_id, link_rows.size(connection, blob_id))
    relink(connection, repository_id, blob_id)


def relink(connection: sa.Connection, repository_id: int, blob_id: int) -> None:
    """As `link`, whatever the quotas say: for what the repository should have held before."""
    if promise(connection, repository_id, blob_id):
        return
    link_rows.add(connection, repository_id, blob_id)
    fill_gap(connection, repository_id, blob_id)
    superseding.settle(connection, repository_id, blob_id)


def promise(connection: sa.Connection, repository_id: int, blob_id: int) -> bool:
    """Keep an idle link for another grace period; whether the repository holds the blob."""
    mine = _is(repository_id, blob_id)
    held = connection.execute(sa.select(links.c.idle_since).where(*mine)).first()
    if held is not None and held.idle_since is not None:
        connection.execute(sa.update(links).where(*mine).values(idle_since=datetime.now(UTC)))
        link_rows.serve(connection, repository_id, links.c.blob_id == blob_id)
    return held is not None


def holds(connection: sa.Connection, repository_id: int, blob_id: int) -> bool:
    """Whether the repository holds the blob."""
    query = sa.select(links.c.blob_id).where(*_is(repository_id, blob_id))
    return connection.execute(query).first() is not None


def hold(connection: sa.Connection, repository_id: int, image_id: int) -> None:
    """The image needs its blobs: none of its links is idle.

    Raises QuotaExceeded where a push comes to its end with blobs that were withdrawn meanwhile.
    """
    needed = sa.select(image_blobs.c.blob_id).where(image_blobs.c.image_id == image_id)
    connection.execute(
        sa.update(links)
        .where(
            links.c.repository_id == repository_id,
            links.c.idle_since.isnot(None),
            links.c.blob_id.in_(needed),
        )
        .values(idle_since=None)
    )
    if link_rows.serve(connection, repository_id, links.c.blob_id.in_(needed)):
        require_room(connection, repository_id, 0)


def release(connection: sa.Connection, repository_id: int, image_id: int) -> None:
    """The image is about to go: what no other image here needs is idle, and not served."""
    needed = sa.select(image_blobs.c.blob_id).where(image_blobs.c.image_id == image_id)
    mine = (links.c.repository_id == repository_id, links.c.blob_id.in_(needed))
    unneeded = sa.select(links.c.blob_id).where(
        *mine, ~referenced(image_blobs.c.image_id != image_id)
    )
    found = connection.execute(unneeded).scalars().all()
    for at in range(0, len(found), _BATCH):
        alone = links.c.blob_id.in_(found[at : at + _BATCH])
        connection.execute(
            sa.update(links).where(mine[0], alone).values(idle_since=datetime.now(UTC))
        )
        link_rows.withdraw(connection, repository_id, alone)


def note_gaps(connection: sa.Connection, image_id: int, digests: Iterable[str]) -> None:
    """Write down which blobs an image names that the repository does not hold."""
    connection.execute(sa.delete(image_gaps).where(image_gaps.c.image_id == image_id))
    rows = [{"image_id": image_id, "digest": digest} for digest in sorted(set(digests))]
    if rows:
        connection.execute(sa.insert(image_gaps), rows)


def referenced(*conditions: sa.ColumnElement[bool]) -> sa.Exists:
    """Whether an image of a link's repository needs the link's blob.

    `conditions` are on `image_blobs`.
    """
    mine = sa.and_(image_blobs.c.blob_id == links.c.blob_id, *conditions)
    return holders(image_blobs, mine, links.c.repository_id).correlate(links).exists()


def holders(
    table: sa.Table, condition: sa.ColumnElement[bool], repository_id: int | sa.Column[int]
) -> sa.Select[Any]:
    """Ids of a repository's images, for which a table about images has rows of that kind.

    Few rows are of that kind. A join would let SQLite go through all images of the repository.
    """
    repository = sa.select(images.c.repository_id).where(images.c.id == table.c.image_id)
    mine = repository.correlate(table).scalar_subquery() == repository_id
    return sa.select(table.c.image_id).where(condition, mine)


def idle_before(moment: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """What makes a link one that the collector may cut."""
    return (links.c.idle_since < moment, ~referenced())


def cut(connection: sa.Connection, repository_id: int, blob_id: int, before: datetime) -> bool:
    """Take the blob out of the repository if it has been idle since `before`; whether it was."""
    mine = _is(repository_id, blob_id)
    if link_rows.remove(connection, repository_id, blob_id, *idle_before(before)):
        return True
    connection.execute(sa.update(links).where(*mine, referenced()).values(idle_since=None))
    link_rows.serve(connection, repository_id, links.c.blob_id == blob_id, referenced())
    return False


def fill_gap(connection: sa.Connection, repository_id: int, blob_id: int) -> None:
    """Let images hold the blob that came before it."""
    digest = sa.select(blobs.c.digest).where(blobs.c.id == blob_id).scalar_subquery()
    missed = image_gaps.c.digest == digest
    waiting = connection.execute(holders(image_gaps, missed, repository_id)).scalars().all()
    if not waiting:
        return
    rows = [{"image_id": image_id, "blob_id": blob_id} for image_id in waiting]
    connection.execute(sa.insert(image_blobs), rows)
    for image_id in waiting:
        filled = sa.delete(image_gaps).where(missed, image_gaps.c.image_id == image_id)
        connection.execute(filled)
    connection.execute(sa.update(links).where(*_is(repository_id, blob_id)).values(idle_since=None))
    link_rows.serve(connection, repository_id, links.c.blob_id == blob_id)


def _is(repository_id: int, blob_id: int) -> tuple[sa.ColumnElement[Any], ...]:
    return (links.c.repository_id == repository_id, links.c.blob_id == blob_id)
