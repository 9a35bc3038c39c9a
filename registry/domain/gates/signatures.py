"""Whether somebody signed an image: that a signature lies beside it, or that one verifies.

Sources: sigstore cosign, "Signature Specification" (simple signing, the tag `sha256-<hex>.sig`)
and its bundles as referrers; Notary Project, signature-specification.md ("Storage").
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import image_children, images, tags
from registry.domain.gates.keys import verifies
from registry.domain.signing.payload import ARTIFACT, PAYLOAD, SIGNATURE, tag_of
from registry.domain.storage_class import ACTIVE
from registry.values.digest import Digest
from registry.values.errors import BlobNotFound, DigestInvalid, ImageNotFound

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.blobs import Blobs
    from registry.domain.gates.keys import PublicKey
    from registry.domain.images import Images, Stored
    from registry.domain.repositories import Repository

ARTIFACT_TYPES = (
    "application/vnd.cncf.notary.signature",
    ARTIFACT,
    "application/vnd.dev.sigstore.bundle.v0.3+json",
)
TRIED_MAX = 20
"""Signatures of one image that are verified, and layers of each of them."""
PAYLOAD_MAX = 64 * 1024
"""Bytes of what is signed."""


class Signatures:
    """Looks for them."""

    def __init__(self, database: Database, images: Images, blobs: Blobs) -> None:
        self._database = database
        self._images = images
        self._blobs = blobs

    def signed(
        self,
        repository: Repository,
        digest: Digest,
        keys: Sequence[PublicKey] = (),
        *,
        by_index: bool = True,
    ) -> bool:
        """Whether the repository holds a signature of the image, or of an index that lists it.

        `by_index` says whether the latter counts.
        With keys one of cosign's counts that verifies with one of them; without, any.
        Raises Damaged, KeyUnavailable.
        """
        with self._database.read() as connection:
            listing = _listing(repository, digest).limit(TRIED_MAX if by_index else 0)
            names = [str(digest), *connection.execute(listing).scalars()]
            beside = {name: _beside(connection, repository, name) for name in names}
        if not keys:
            return any(beside.values())
        return any(
            self._verified(repository, name, found, keys)
            for name in names
            for found in beside[name]
        )

    def _verified(
        self, repository: Repository, digest: str, signature: str, keys: Sequence[PublicKey]
    ) -> bool:
        try:
            stored = self._images.get(repository, Digest.parse(signature))
        except ImageNotFound:  # deleted in the meantime
            return False
        return any(
            _names(payload, digest) and verifies(keys, text, payload)
            for text, payload in self._signed(repository, stored)
        )

    def _signed(self, repository: Repository, stored: Stored) -> Iterator[tuple[bytes, bytes]]:
        """Signatures of a manifest, and what each signs."""
        for layer in json.loads(stored.content).get("layers", [])[:TRIED_MAX]:
            said = layer.get("annotations")
            text = said.get(SIGNATURE) if isinstance(said, dict) else None
            if layer.get("mediaType") != PAYLOAD or not isinstance(text, str):
                continue
            try:
                signature = base64.b64decode(text, validate=True)
                blob = self._blobs.get(repository, Digest.parse(layer["digest"]))
            except (BlobNotFound, DigestInvalid, ValueError):
                continue
            if blob.size <= PAYLOAD_MAX:
                yield signature, b"".join(self._blobs.open(repository, blob))


def _listing(repository: Repository, digest: Digest) -> sa.Select[Any]:
    """Indexes that list the image."""
    return (
        sa.select(images.c.digest)
        .join(image_children, image_children.c.image_id == images.c.id)
        .where(images.c.repository_id == repository.id, image_children.c.digest == str(digest))
        .limit(TRIED_MAX)
    )


def _beside(connection: sa.Connection, repository: Repository, digest: str) -> list[str]:
    """Digests of what lies beside the image as its signatures, the newest first."""
    referrers = sa.select(images.c.digest).where(
        images.c.repository_id == repository.id,
        images.c.subject == digest,
        images.c.artifact_type.in_(ARTIFACT_TYPES),
        images.c.status == ACTIVE,
    )
    tagged = (
        sa.select(images.c.digest)
        .join(tags, tags.c.image_id == images.c.id)
        .where(tags.c.repository_id == repository.id, tags.c.name == tag_of(Digest.parse(digest)))
    )
    newest = referrers.order_by(images.c.id.desc()).limit(TRIED_MAX)
    found = [*connection.execute(tagged).scalars(), *connection.execute(newest).scalars()]
    return list(dict.fromkeys(found))


def _names(payload: bytes, digest: str) -> bool:
    """Whether what is signed says that it is this image."""
    try:
        critical = json.loads(payload)["critical"]
        return bool(critical["image"]["docker-manifest-digest"] == digest)
    except (KeyError, TypeError, ValueError, RecursionError):
        return False
