"""Rows of what rests, as they are listed and brought back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from registry.database.schema import images, repositories, resting
from registry.domain.subject_tags import tags_of
from registry.values.errors import RestingNotFound
from registry.values.scope import Scope


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


def get(connection: sa.Connection, scope: Scope, item_id: int) -> Resting:
    """One thing that rests in a registry. Raises RestingNotFound."""
    row = connection.execute(select().where(*within(scope), resting.c.id == item_id)).first()
    if row is None:
        raise RestingNotFound(
            f"nothing with the number {item_id} rests in the registry with id '{scope.account}'"
        )
    return item_of(row)


def within(scope: Scope) -> tuple[sa.ColumnElement[bool], ...]:
    """Of the registry, and not being freed."""
    return (
        resting.c.account == scope.account,
        resting.c.region == scope.region,
        ~resting.c.ending,
        resting.c.until > datetime.now(UTC),
    )


def shadows_of_images() -> sa.Select[Any]:
    """A query of the shadows that hold one image each, whose links are all that it needs."""
    return sa.select(resting.c.shadow_id).where(
        resting.c.kind == "image", resting.c.shadow_id.isnot(None)
    )


def select() -> sa.Select[Any]:
    """A query of all that rests, for `item_of`."""
    mine = images.c.repository_id == resting.c.shadow_id
    count = sa.select(sa.func.count()).select_from(images).where(mine).correlate(resting)
    return sa.select(
        resting,
        sa.func.coalesce(repositories.c.bytes, 0).label("bytes"),
        count.scalar_subquery().label("images"),
    ).outerjoin(repositories, repositories.c.id == resting.c.shadow_id)


def item_of(row: sa.Row[Any]) -> Resting:
    """A row of that query."""
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


def resting_image(connection: sa.Connection, item: Resting, digest: str) -> Resting | None:
    """The last deleted image of that digest, of the same repository."""
    query = select().where(
        *within(item.scope),
        resting.c.repository == item.repository,
        resting.c.kind == "image",
        resting.c.digest == digest,
    )
    row = connection.execute(query.order_by(resting.c.id.desc()).limit(1)).first()
    return None if row is None else item_of(row)


def resting_referrers(connection: sa.Connection, item: Resting) -> list[Resting]:
    """Those that were deleted with the image or later: none that somebody had deleted before.

    They refer to it by their manifest, or by a tag of cosign's scheme or the OCI fallback's.
    """
    names = set(tags_of(str(item.digest)))
    by_tag = sa.type_coerce(resting.c.tags, sa.Text).contains(min(names))
    query = (
        select()
        .join(images, images.c.repository_id == resting.c.shadow_id)
        .where(
            *within(item.scope),
            resting.c.repository == item.repository,
            resting.c.kind == "image",
            resting.c.deleted_at >= item.deleted_at,
            sa.or_(images.c.subject == item.digest, by_tag),
        )
        .add_columns(images.c.subject)
    )
    return [
        item_of(row)
        for row in connection.execute(query)
        if row.subject == item.digest or names.intersection(row.tags)
    ]


def stands(connection: sa.Connection, item: Resting) -> bool:
    """Whether it rests still."""
    query = sa.select(resting.c.id).where(resting.c.id == item.id)
    return connection.execute(query).first() is not None
