"""Layers as ECR's API has them: uploads with rules about their parts, and what images need them.

Source: ECR API reference, CompleteLayerUpload, GetDownloadUrlForLayer; ECR User Guide,
"Amazon ECR service quotas" (layer parts).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import image_blobs, images
from registry.domain.storage_class import ACTIVE
from registry.values.digest import Digest
from registry.values.errors import (
    BlobExists,
    BlobNotFound,
    BlobUnreferenced,
    EmptyUpload,
    ImageNotFound,
    PartTooSmall,
)
from registry.values.manifest import parse

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.blobs import Blob, Blobs
    from registry.domain.images import Images
    from registry.domain.repositories import Repository
    from registry.domain.uploads import Uploads

PART_MIN = 5 * 1024 * 1024
"""Bytes of a part, but for the last one."""


class Layers:
    """Ends uploads, and tells what is known of a layer."""

    def __init__(self, database: Database, uploads: Uploads, blobs: Blobs, images: Images) -> None:
        self._database = database
        self._uploads = uploads
        self._blobs = blobs
        self._images = images

    def complete(
        self, repository: Repository, principal: str, upload_id: str, digest: Digest
    ) -> Blob:
        """Make a layer of an upload.

        Raises UploadNotFound, EmptyUpload, PartTooSmall: then the upload goes on; DigestInvalid,
        BlobExists: then it is over.
        """
        sizes = self._uploads.sizes(repository, principal, upload_id)
        if not sizes:
            raise EmptyUpload(f"the upload {upload_id} has no layer parts")
        if any(size < PART_MIN for size in sizes[:-1]):
            raise PartTooSmall(
                f"the upload {upload_id} has parts of {min(sizes[:-1])} bytes;"
                f" all but the last must have at least {PART_MIN}"
            )
        known = self._holds(repository, digest)
        # Checked and stored all the same: that repairs a copy whose bytes were lost.
        blob = self._uploads.finish(repository, principal, upload_id, digest)
        if known:
            raise BlobExists(
                f"The image layer {digest} already exists in the repository '{repository.name}'"
            )
        return blob

    def media_type(self, repository: Repository, blob: Blob) -> str | None:
        """What an image says that the layer is; None while no image needs it."""
        with self._database.read() as connection:
            holder = connection.execute(_needing(repository, blob)).scalar()
        try:
            stored = self._images.get(repository, Digest.parse(holder)) if holder else None
        except ImageNotFound:  # deleted in the meantime
            return None
        if stored is None:
            return None
        parts = parse(stored.content, stored.image.media_type).blobs
        return next((part.media_type for part in parts if part.digest == blob.digest), None)

    def require_needed(self, repository: Repository, blob: Blob) -> None:
        """Raise BlobUnreferenced unless an image of the repository needs the layer."""
        with self._database.read() as connection:
            active = _needing(repository, blob).where(images.c.status == ACTIVE)
            if connection.execute(active).first() is None:
                raise BlobUnreferenced(
                    f"The layer {blob.digest} is not associated with an active image of the"
                    f" repository '{repository.name}'"
                )

    def _holds(self, repository: Repository, digest: Digest) -> bool:
        try:
            self._blobs.promise(repository, digest)
        except BlobNotFound:
            return False
        return True


def _needing(repository: Repository, blob: Blob) -> sa.Select[Any]:
    """A query of the digest of one image that needs the blob."""
    return (
        sa.select(images.c.digest)
        .join(image_blobs, image_blobs.c.image_id == images.c.id)
        .where(images.c.repository_id == repository.id, image_blobs.c.blob_id == blob.id)
        .limit(1)
    )
