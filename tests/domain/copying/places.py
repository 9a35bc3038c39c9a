"""What the tests of copies share: repositories under one key or several, and their content."""

from __future__ import annotations

import sqlalchemy as sa

from registry.database.schema import images as image_rows
from registry.database.schema import tags as tag_rows
from registry.domain.blobs import Blobs
from registry.domain.copying.copier import Copier
from registry.domain.copying.orders import Orders
from registry.domain.repositories import Encryption, Repository
from registry.stores import orders_of
from registry.values.digest import Digest
from tests.application import Registry
from tests.images import Image


def copier(registry: Registry, blobs: Blobs | None = None) -> Copier:
    stores = registry.stores
    return Copier(
        registry.ground.database, stores.images, blobs or stores.blobs, stores.uploads, "t"
    )


def orders(registry: Registry) -> Orders:
    return orders_of(registry.ground, registry.stores)


def other_key(registry: Registry) -> Encryption:
    """A key of its own."""
    key = registry.ground.keys.create("another", None)
    return Encryption("KMS", key.arn)


def digest(image: Image) -> Digest:
    return Digest.parse(image.digest)


def content(registry: Registry, repository: Repository) -> dict[str, set[str]]:
    """Tags by the digest of each image that the repository holds."""
    query = (
        sa.select(image_rows.c.digest, tag_rows.c.name)
        .outerjoin(tag_rows, tag_rows.c.image_id == image_rows.c.id)
        .where(image_rows.c.repository_id == repository.id)
    )
    found: dict[str, set[str]] = {}
    with registry.ground.database.read() as connection:
        for row in connection.execute(query):
            found.setdefault(row.digest, set()).update([row.name] if row.name else [])
    return found


def check_pullable(registry: Registry, repository: Repository, image: Image) -> None:
    """Every byte of the image and of those that it lists can be had there."""
    stored = registry.stores.images.get(repository, digest(image))
    assert stored.content == image.manifest
    for blob in image.blobs:
        held = registry.stores.blobs.get(repository, Digest.parse(blob.digest))
        read = b"".join(map(bytes, registry.stores.blobs.open(repository, held)))
        assert read == blob.content
    for child in image.children:
        check_pullable(registry, repository, child)
