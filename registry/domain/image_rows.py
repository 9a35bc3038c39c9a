"""Rows of images, tags and references: the statements that `images` is made of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import image_blobs, image_children, images, tags
from registry.domain import key_spaces, links, repositories
from registry.domain.quotas import require_image_room
from registry.values.errors import ImageReferenced, ManifestReferenceUnknown, TagImmutable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.domain.repositories import Repository
    from registry.values.digest import Digest
    from registry.values.manifest import Manifest

_BATCH = 500
"""Digests in one query."""


def tags_by_image(connection: sa.Connection, image_ids: list[int]) -> dict[int, list[str]]:
    """Tags by image id, each image's in byte order."""
    named: dict[int, list[str]] = {}
    query = sa.select(tags.c.image_id, tags.c.name).order_by(tags.c.name)
    for tag in connection.execute(query.where(tags.c.image_id.in_(image_ids))):
        named.setdefault(tag.image_id, []).append(tag.name)
    return named


def require_children(connection: sa.Connection, repository: Repository, manifest: Manifest) -> None:
    """Raise ManifestReferenceUnknown unless every image that an index lists is there."""
    wanted = list(dict.fromkeys(str(child.digest) for child in manifest.manifests))
    missing: list[str] = []
    for at in range(0, len(wanted), _BATCH):
        batch = wanted[at : at + _BATCH]
        query = sa.select(images.c.digest).where(
            images.c.repository_id == repository.id, images.c.digest.in_(batch)
        )
        known = set(connection.execute(query).scalars())
        missing += [digest for digest in batch if digest not in known]
    if missing:
        raise ManifestReferenceUnknown(missing, images=True)


def light_columns(*more: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """A query of all columns but the manifest, and of `more`."""
    light = [column for column in images.c if column.name != "manifest"]
    return sa.select(*light, *more)


def find(connection: sa.Connection, repository: Repository, digest: Digest) -> sa.Row[Any] | None:
    """The image of that digest."""
    return connection.execute(
        light_columns().where(
            images.c.repository_id == repository.id, images.c.digest == str(digest)
        )
    ).first()


def tags_to_move(
    connection: sa.Connection, repository: Repository, tag_names: Sequence[str], image: int | None
) -> tuple[str, ...]:
    """The tags that do not point at the image yet. Raises TagImmutable, Vanished.

    Whether a tag may move is read here and now: it may have been changed since `repository` was
    looked up.
    """
    moved = []
    for tag in dict.fromkeys(tag_names):
        current = connection.execute(
            sa.select(tags.c.image_id).where(
                tags.c.repository_id == repository.id, tags.c.name == tag
            )
        ).scalar()
        if current is None or current != image:
            if current is not None and repositories.current(connection, repository).fixes(tag):
                raise TagImmutable(tag, repository.name)
            moved.append(tag)
    return tuple(moved)


def point_tag(connection: sa.Connection, repository: Repository, tag: str, image: int) -> None:
    """Let the tag point at the image, and at no other."""
    connection.execute(
        sa.delete(tags).where(tags.c.repository_id == repository.id, tags.c.name == tag)
    )
    connection.execute(
        sa.insert(tags).values(
            repository_id=repository.id, name=tag, image_id=image, updated_at=datetime.now(UTC)
        )
    )


def insert(
    connection: sa.Connection,
    repository: Repository,
    manifest: Manifest,
    digest: Digest,
    sealed: bytes,
) -> int:
    """A new image; its id. Raises QuotaExceeded, Vanished."""
    require_image_room(connection, repository.id)
    inserted = connection.execute(
        sa.insert(images).values(
            repository_id=repository.id,
            digest=str(digest),
            media_type=manifest.media_type,
            artifact_type=manifest.artifact_type,
            subject=str(manifest.subject) if manifest.subject else None,
            size=manifest.image_size,
            manifest=sealed,
            key_id=repository.key_id,
            pushed_at=datetime.now(UTC),
        )
    )
    key_spaces.note(connection, repository.id, repository.key_id)
    key = inserted.inserted_primary_key
    assert key is not None  # noqa: S101 - one row was inserted
    return int(key[0])


def insert_references(
    connection: sa.Connection, image_id: int, held: set[int], manifest: Manifest
) -> None:
    """Write down what the image needs; of an image that is pushed again, what came since."""
    children = {str(child.digest) for child in manifest.manifests}
    for table, column, needed in (
        (image_blobs, "blob_id", held),
        (image_children, "digest", children),
    ):
        known = set(
            connection.execute(
                sa.select(table.c[column]).where(table.c.image_id == image_id)
            ).scalars()
        )
        if new := needed - known:
            rows = [{"image_id": image_id, column: value} for value in new]
            connection.execute(sa.insert(table), rows)


def listing(repository: Repository, digest: Digest) -> sa.Select[Any]:
    """A query of the digests of the indexes that list the image."""
    holders = links.holders(image_children, image_children.c.digest == str(digest), repository.id)
    return sa.select(images.c.digest).where(images.c.id.in_(holders)).order_by(images.c.id)


def refuse_listed(connection: sa.Connection, repository: Repository, digest: Digest) -> None:
    """Raise ImageReferenced while an index lists the image."""
    holder = connection.execute(listing(repository, digest).limit(1)).scalar()
    if holder is not None:
        raise ImageReferenced(f"image {digest} is listed by the index {holder}: delete that first")


def delete(connection: sa.Connection, repository_id: int, image_id: int) -> None:
    """Remove an image and its tags; what it alone needed is idle from now on."""
    links.release(connection, repository_id, image_id)
    connection.execute(sa.delete(images).where(images.c.id == image_id))
