"""Rows of images whose suppressed findings have to be counted anew.

Written in the transaction of what changes them; `recounting` sees to them. Findings and gates do
not wait for it: they are judged when they are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import (
    image_children,
    images,
    scan_settings,
    scans,
    vex_counts,
    vex_documents,
)
from registry.domain.tasks import now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.values.manifest import Manifest

_DSSE = "application/vnd.dsse.envelope.v1+json"


def all_of(connection: sa.Connection, repository_id: int) -> None:
    """Every image of the repository."""
    _mark(connection, sa.select(images.c.id).where(images.c.repository_id == repository_id))


def scanned(
    connection: sa.Connection, repository_id: int, image_id: int, suppressed: Mapping[str, int]
) -> None:
    """An image was scanned, with so many findings suppressed by what was said a moment ago."""
    mine = vex_counts.c.image_id == image_id
    said = sa.select(vex_documents.c.id).where(vex_documents.c.repository_id == repository_id)
    known = connection.execute(sa.select(vex_counts.c.image_id).where(mine)).first()
    stands = known is not None or _trusting(connection, repository_id)
    if not stands and connection.execute(said.limit(1)).first() is None:
        return
    _mark(connection, sa.select(images.c.id).where(images.c.id == image_id))
    connection.execute(sa.update(vex_counts).where(mine).values(suppressed=dict(suppressed)))


def pushed(connection: sa.Connection, repository_id: int, manifest: Manifest) -> None:
    """What a new manifest may say something of: its subject, or where it stands alone, all."""
    if not _trusting(connection, repository_id):
        return
    if manifest.subject is not None:
        _about(connection, repository_id, str(manifest.subject))
    elif any(each.media_type == _DSSE for each in manifest.layers):
        all_of(connection, repository_id)


def goes(connection: sa.Connection, repository_id: int, image_id: int) -> None:
    """What an image said something of that is about to be deleted."""
    if not _trusting(connection, repository_id):
        return
    query = sa.select(images.c.subject).where(images.c.id == image_id)
    subject = connection.execute(query).scalar()
    if subject is not None:
        _about(connection, repository_id, subject)


def _trusting(connection: sa.Connection, repository_id: int) -> bool:
    """Whether what is attached to images counts there at all."""
    query = sa.select(scan_settings.c.vex_referrers).where(
        scan_settings.c.repository_id == repository_id, scan_settings.c.vex_referrers != "none"
    )
    return connection.execute(query).first() is not None


def _about(connection: sa.Connection, repository_id: int, digest: str) -> None:
    """An image, what it lists, and what it is attached to itself (a signature of a document)."""
    mine = images.c.repository_id == repository_id
    found = connection.execute(
        sa.select(images.c.id, images.c.subject).where(mine, images.c.digest == digest)
    ).first()
    if found is None:
        return
    listed = sa.select(image_children.c.digest).where(image_children.c.image_id == found.id)
    names: list[Any] = [images.c.digest == digest, images.c.digest.in_(listed)]
    if found.subject is not None:
        names.append(images.c.digest == found.subject)
    _mark(connection, sa.select(images.c.id).where(mine, sa.or_(*names)))


def _mark(connection: sa.Connection, chosen: sa.Select[Any]) -> None:
    """Those of the images that were scanned, and the indexes that list them."""
    done = sa.select(scans.c.image_id).where(
        scans.c.completed_at.isnot(None), scans.c.image_id.in_(chosen)
    )
    moment = now()
    connection.execute(
        sa.update(vex_counts).where(vex_counts.c.image_id.in_(done)).values(due_at=moment)
    )
    known = sa.select(vex_counts.c.image_id)
    fresh = [
        {"image_id": number, "suppressed": {}, "mark": "", "due_at": moment}
        for number in connection.execute(done.where(scans.c.image_id.not_in(known))).scalars()
    ]
    if fresh:
        connection.execute(sa.insert(vex_counts), fresh)
