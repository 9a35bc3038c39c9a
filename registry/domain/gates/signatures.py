"""Whether somebody signed an image: that a signature lies beside it, not whose it is.

Sources: sigstore cosign, "Signature storage" (the tag `sha256-<hex>.sig`) and its bundles as
referrers; Notary Project, signature-specification.md ("Storage").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import image_children, images, tags
from registry.domain.storage_class import ACTIVE

if TYPE_CHECKING:
    from registry.domain.repositories import Repository
    from registry.values.digest import Digest

ARTIFACT_TYPES = (
    "application/vnd.cncf.notary.signature",
    "application/vnd.dev.cosign.artifact.sig.v1+json",
    "application/vnd.dev.sigstore.bundle.v0.3+json",
)


def signed(connection: sa.Connection, repository: Repository, digest: Digest) -> bool:
    """Whether the repository holds a signature of the image, or of an index that lists it."""
    listing = (
        sa.select(images.c.digest)
        .join(image_children, image_children.c.image_id == images.c.id)
        .where(images.c.repository_id == repository.id, image_children.c.digest == str(digest))
    )
    names = [str(digest), *connection.execute(listing).scalars()]
    return any(_signed(connection, repository, name) for name in names)


def _signed(connection: sa.Connection, repository: Repository, digest: str) -> bool:
    referrer = sa.select(images.c.id).where(
        images.c.repository_id == repository.id,
        images.c.subject == digest,
        images.c.artifact_type.in_(ARTIFACT_TYPES),
        images.c.status == ACTIVE,
    )
    tag = sa.select(tags.c.image_id).where(
        tags.c.repository_id == repository.id, tags.c.name == f"{digest.replace(':', '-')}.sig"
    )
    found = (connection.execute(query.limit(1)).first() for query in (referrer, tag))
    return any(row is not None for row in found)
