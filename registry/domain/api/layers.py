"""Layers by API: what docker does over `/v2/`, in parts that have a first and a last byte.

Source: ECR and ECR Public API references, BatchCheckLayerAvailability, InitiateLayerUpload,
UploadLayerPart, CompleteLayerUpload.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.errors import ServiceError
from registry.values.digest import Digest
from registry.values.errors import (
    BlobNotFound,
    DigestInvalid,
    ParameterInvalid,
    RangeInvalid,
    UploadConflict,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.domain.blobs import Blobs
    from registry.domain.layers import Layers
    from registry.domain.repositories import Repository
    from registry.domain.uploads import Upload, Uploads

PART_SIZE = 10 * 1024 * 1024
"""Bytes that a part should have; up to twice as many are taken."""


class LayerUploads:
    """Initiate, upload, complete: an upload is known only to the principal who began it."""

    def __init__(self, uploads: Uploads, layers: Layers) -> None:
        self._uploads = uploads
        self._layers = layers

    def initiate(self, repository: Repository, owner: str) -> dict[str, Any]:
        """Begin."""
        upload = self._uploads.start(repository, owner)
        return {"uploadId": upload.id, "partSize": PART_SIZE}

    def take(
        self, repository: Repository, owner: str, upload_id: str, span: tuple[int, int], part: bytes
    ) -> dict[str, Any]:
        """Take the part that follows on what is there; `span` names its first and last byte.

        Raises UploadNotFound, ServiceError (InvalidLayerPartException).
        """
        upload = self._uploads.get(repository, owner, upload_id)
        first, last = span
        announced = last - first + 1
        if announced != len(part):
            reason = f"the part has {len(part)} bytes, but {announced} are announced"
            raise _invalid_part(repository, upload, reason)
        try:
            grown = self._uploads.append(repository, owner, upload_id, [part], offset=first)
        except (RangeInvalid, UploadConflict) as error:
            now = self._uploads.get(repository, owner, upload_id)
            raise _invalid_part(repository, now, str(error)) from None
        return {**_about(repository, upload_id), "lastByteReceived": grown.size - 1}

    def complete(
        self, repository: Repository, owner: str, upload_id: str, digests: Sequence[str]
    ) -> dict[str, Any]:
        """Make the layer, whose digest all of the given ones must be.

        Raises ParameterInvalid, DigestInvalid where one is none, ServiceError
        (InvalidLayerException), and what `Layers.complete` does.
        """
        wanted = {Digest.parse(text) for text in digests}
        if len(wanted) > 1:
            raise ParameterInvalid(
                "Invalid parameter at 'layerDigests' failed to satisfy constraint:"
                " 'must hold one digest: a layer has no other'"
            )
        (digest,) = wanted
        try:
            self._layers.complete(repository, owner, upload_id, digest)
        except DigestInvalid as error:
            raise ServiceError("InvalidLayerException", str(error)) from None
        return {**_about(repository, upload_id), "layerDigest": str(digest)}


class LayerChecks:
    """Tells which layers a repository holds."""

    def __init__(self, blobs: Blobs, layers: Layers) -> None:
        self._blobs = blobs
        self._layers = layers

    def check(self, repository: Repository, digests: Sequence[str]) -> dict[str, Any]:
        """Each layer, and why what is no digest has no answer."""
        layers: list[dict[str, Any]] = []
        failures: list[dict[str, str]] = []
        for text in dict.fromkeys(digests):
            try:
                layers.append(self._layer(repository, Digest.parse(text)))
            except DigestInvalid as error:
                code = "InvalidLayerDigest" if text else "MissingLayerDigest"
                failures.append(
                    {"layerDigest": text, "failureCode": code, "failureReason": str(error)}
                )
        return {"layers": layers, "failures": failures}

    def _layer(self, repository: Repository, digest: Digest) -> dict[str, Any]:
        try:
            blob = self._blobs.promise(repository, digest)
        except BlobNotFound:
            return {"layerDigest": str(digest), "layerAvailability": "UNAVAILABLE"}
        found: dict[str, Any] = {
            "layerDigest": str(digest),
            "layerAvailability": "AVAILABLE",
            "layerSize": blob.size,
        }
        if media_type := self._layers.media_type(repository, blob):
            found["mediaType"] = media_type
        return found


def _about(repository: Repository, upload_id: str) -> dict[str, Any]:
    return {
        "registryId": repository.scope.account,
        "repositoryName": repository.name,
        "uploadId": upload_id,
    }


def _invalid_part(repository: Repository, upload: Upload, reason: str) -> ServiceError:
    """The exception that tells the client from which byte to go on."""
    last = {"lastValidByteReceived": max(upload.size - 1, 0)}
    return ServiceError(
        "InvalidLayerPartException", reason, extra=_about(repository, upload.id) | last
    )
