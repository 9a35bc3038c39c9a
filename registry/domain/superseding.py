"""One copy of a blob instead of another: a repository holds each content once.

While a repository moves to another key, a blob that it holds under the old one may be pushed
anew, or be sealed anew by the move: the copy under the repository's key takes the other's
place, with every image that needs it, in the transaction that links it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import blobs, image_blobs, images, links
from registry.domain import key_spaces, link_rows
from registry.domain.leftovers import doom
from registry.domain.vault import blob_path
from registry.values.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Sequence


def settle(connection: sa.Connection, repository_id: int, blob_id: int) -> None:
    """A blob was linked: if the repository holds another copy of it, one of them goes.

    The bytes of a copy that no repository holds any more are left to the collector.
    """
    blob = connection.execute(sa.select(blobs).where(blobs.c.id == blob_id)).one()
    key_spaces.note(connection, repository_id, blob.key_id)
    copies = _copies(connection, repository_id, blob.digest)
    if len(copies) < 2:
        return
    own = key_spaces.current(connection, repository_id)
    kept = next((each for each in copies if each.key_id == own), copies[0])
    for each in copies:
        if each.id != kept.id:
            _replace(connection, repository_id, each, kept)


def would(connection: sa.Connection, repository_id: int, blob_id: int) -> bool:
    """Whether the blob, once it is linked, would only take the place of another copy."""
    digest = sa.select(blobs.c.digest).where(blobs.c.id == blob_id)
    link = key_spaces.link_of(repository_id).where(~links.c.withdrawn)
    query = sa.select(blobs.c.id).where(
        blobs.c.key_id.in_(key_spaces.readable(repository_id)),
        blobs.c.digest == connection.execute(digest).scalar_one(),
        blobs.c.id != blob_id,
        link.exists(),
    )
    return connection.execute(query.limit(1)).first() is not None


def _copies(connection: sa.Connection, repository_id: int, digest: str) -> Sequence[sa.Row[Any]]:
    link = key_spaces.link_of(repository_id)
    query = sa.select(blobs, link.scalar_subquery().label("idle_since")).where(
        blobs.c.key_id.in_(key_spaces.readable(repository_id)),
        blobs.c.digest == digest,
        link.exists(),
    )
    return connection.execute(query).all()


def _replace(
    connection: sa.Connection, repository_id: int, old: sa.Row[Any], new: sa.Row[Any]
) -> None:
    here = sa.select(images.c.repository_id).where(images.c.id == image_blobs.c.image_id)
    mine = here.correlate(image_blobs).scalar_subquery() == repository_id
    connection.execute(
        sa.update(image_blobs).where(image_blobs.c.blob_id == old.id, mine).values(blob_id=new.id)
    )
    needed = old.idle_since is None or new.idle_since is None
    since = None if needed else max(old.idle_since, new.idle_since)
    kept = sa.update(links).where(*link_rows.of(repository_id, new.id))
    connection.execute(kept.values(idle_since=since))
    link_rows.serve(connection, repository_id, links.c.blob_id == new.id)
    link_rows.remove(connection, repository_id, old.id)
    _drop(connection, old)


def _drop(connection: sa.Connection, blob: sa.Row[Any]) -> None:
    """Forget the copy unless another repository of its key holds it."""
    held = sa.select(links.c.blob_id).where(links.c.blob_id == blob.id).limit(1)
    if connection.execute(held).first() is None:
        connection.execute(sa.delete(blobs).where(blobs.c.id == blob.id))
        doom(connection, [blob_path(blob.key_id, Digest.parse(blob.digest), blob.object)])
