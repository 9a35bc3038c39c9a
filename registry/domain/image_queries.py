"""What is asked about the images of one repository: the queries that `images` answers with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from registry.database.schema import images, tags
from registry.domain.image_rows import light_columns
from registry.domain.storage_class import ACTIVE
from registry.values.digest import Digest


def one(repository_id: int, reference: Digest | str) -> sa.Select[Any]:
    """An image with its manifest, by digest or tag."""
    query = light_columns(images.c.manifest).where(images.c.repository_id == repository_id)
    if isinstance(reference, Digest):
        return query.where(images.c.digest == str(reference))
    return query.join(tags, tags.c.image_id == images.c.id).where(
        tags.c.repository_id == repository_id, tags.c.name == reference
    )


def page(
    repository_id: int, after: int, *, tagged: bool | None, status: str | None
) -> sa.Select[Any]:
    """Images in push order, behind the id `after`."""
    query = (
        light_columns()
        .where(images.c.repository_id == repository_id, images.c.id > after)
        .order_by(images.c.id)
    )
    if tagged is not None:
        named = sa.exists().where(tags.c.image_id == images.c.id)
        query = query.where(named if tagged else ~named)
    return _of_status(query, status)


def identifiers(
    repository_id: int, after: tuple[int, str], *, tagged: bool | None, status: str | None
) -> sa.Select[Any]:
    """Each tag of each image, and each image without one; behind the image id and tag."""
    image_id, tag = after
    name = sa.func.coalesce(tags.c.name, "")
    query = (
        sa.select(images.c.id, images.c.digest, tags.c.name)
        .outerjoin(tags, tags.c.image_id == images.c.id)
        .where(
            images.c.repository_id == repository_id,
            sa.or_(images.c.id > image_id, sa.and_(images.c.id == image_id, name > tag)),
        )
        .order_by(images.c.id, name)
    )
    if tagged is not None:
        query = query.where(tags.c.name.isnot(None) if tagged else tags.c.name.is_(None))
    return _of_status(query, status)


def active_tags(repository_id: int, after: str) -> sa.Select[Any]:
    """Tags that can be pulled, in byte order, behind the tag `after`."""
    active = sa.select(images.c.status).where(images.c.id == tags.c.image_id)
    return (
        sa.select(tags.c.name)
        .where(tags.c.repository_id == repository_id, tags.c.name > after)
        .where(active.scalar_subquery() == ACTIVE)
        .order_by(tags.c.name)
    )


def referrers(
    repository_id: int,
    subject: str,
    after: str,
    artifact_types: Sequence[str] = (),
    *,
    status: str | None,
) -> sa.Select[Any]:
    """Images with that subject and their manifests, by digest, behind the digest `after`."""
    query = (
        light_columns(images.c.manifest)
        .where(
            images.c.repository_id == repository_id,
            images.c.subject == subject,
            images.c.digest > after,
        )
        .order_by(images.c.digest)
    )
    if artifact_types:
        query = query.where(images.c.artifact_type.in_(artifact_types))
    return _of_status(query, status)


def _of_status(query: sa.Select[Any], status: str | None) -> sa.Select[Any]:
    return query if status is None else query.where(images.c.status == status)
