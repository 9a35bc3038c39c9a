"""ECR's operations on layers: what docker does over `/v2/`, as an API.

Source: ECR API reference, BatchCheckLayerAvailability, InitiateLayerUpload, UploadLayerPart,
CompleteLayerUpload, GetDownloadUrlForLayer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from registry.aws.errors import ServiceError
from registry.domain.gates.doors import Asker
from registry.domain.requests import circumstances_of, identity_of, proven_of
from registry.ecr.service import ecr, repository_arn, scope_of
from registry.values.digest import Digest
from registry.values.errors import (
    BlobNotFound,
    DigestInvalid,
    ParameterInvalid,
    RangeInvalid,
    UploadConflict,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.domain.blobs import Blobs
    from registry.domain.downloads import Downloads
    from registry.domain.gates.doors import Doors
    from registry.domain.layers import Layers
    from registry.domain.repositories import Repositories, Repository
    from registry.domain.uploads import Upload, Uploads

PART_SIZE = 10 * 1024 * 1024
"""Bytes that a part should have; up to twice as many are taken."""
DOWNLOADS = "/layers/"
"""Path below which `oci/downloads.py` serves what a download URL names."""


class LayerUploadOperations:
    """Initiate, upload, complete: an upload is known only to the principal who began it."""

    def __init__(self, repositories: Repositories, uploads: Uploads, layers: Layers) -> None:
        self._repositories = repositories
        self._uploads = uploads
        self._layers = layers

    @ecr.operation(resource=repository_arn)
    def initiate_layer_upload(
        self, context: Context, *, repository_name: str, registry_id: str | None = None
    ) -> Mapping[str, Any]:
        """Begin."""
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        upload = self._uploads.start(repository, context.caller.user_id)
        return {"uploadId": upload.id, "partSize": PART_SIZE}

    @ecr.operation(resource=repository_arn)
    def upload_layer_part(
        self,
        context: Context,
        *,
        repository_name: str,
        upload_id: str,
        part_first_byte: int,
        part_last_byte: int,
        layer_part_blob: bytes,
        registry_id: str | None = None,
    ) -> Mapping[str, Any]:
        """Take the part that follows on what is there."""
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        owner = context.caller.user_id
        upload = self._uploads.get(repository, owner, upload_id)
        announced = part_last_byte - part_first_byte + 1
        if announced != len(layer_part_blob):
            reason = f"the part has {len(layer_part_blob)} bytes, but {announced} are announced"
            raise _invalid_part(repository, upload, reason)
        try:
            grown = self._uploads.append(
                repository, owner, upload_id, [layer_part_blob], offset=part_first_byte
            )
        except (RangeInvalid, UploadConflict) as error:
            now = self._uploads.get(repository, owner, upload_id)
            raise _invalid_part(repository, now, str(error)) from None
        return {**_about(repository, upload_id), "lastByteReceived": grown.size - 1}

    @ecr.operation(resource=repository_arn)
    def complete_layer_upload(
        self,
        context: Context,
        *,
        repository_name: str,
        upload_id: str,
        layer_digests: Sequence[str],
        registry_id: str | None = None,
    ) -> Mapping[str, Any]:
        """Make the layer, whose digest all of the given ones must be."""
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        wanted = {Digest.parse(text) for text in layer_digests}
        if len(wanted) > 1:
            raise ParameterInvalid(
                "Invalid parameter at 'layerDigests' failed to satisfy constraint:"
                " 'must hold one digest: a layer has no other'"
            )
        (digest,) = wanted
        owner = context.caller.user_id
        try:
            self._layers.complete(repository, owner, upload_id, digest)
        except DigestInvalid as error:
            raise ServiceError("InvalidLayerException", str(error)) from None
        return {**_about(repository, upload_id), "layerDigest": str(digest)}


class LayerOperations:
    """Check and download."""

    def __init__(
        self,
        repositories: Repositories,
        blobs: Blobs,
        layers: Layers,
        downloads: Downloads,
        doors: Doors,
    ) -> None:
        self._repositories = repositories
        self._blobs = blobs
        self._layers = layers
        self._downloads = downloads
        self._doors = doors

    @ecr.operation(resource=repository_arn)
    def batch_check_layer_availability(
        self,
        context: Context,
        *,
        repository_name: str,
        layer_digests: Sequence[str],
        registry_id: str | None = None,
    ) -> Mapping[str, Any]:
        """Which layers the repository holds."""
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        layers: list[dict[str, Any]] = []
        failures: list[dict[str, str]] = []
        for text in dict.fromkeys(layer_digests):
            try:
                layers.append(self._layer(repository, Digest.parse(text)))
            except DigestInvalid as error:
                code = "InvalidLayerDigest" if text else "MissingLayerDigest"
                failures.append(
                    {"layerDigest": text, "failureCode": code, "failureReason": str(error)}
                )
        return {"layers": layers, "failures": failures}

    @ecr.operation(resource=repository_arn)
    def get_download_url_for_layer(
        self,
        context: Context,
        *,
        repository_name: str,
        layer_digest: str,
        registry_id: str | None = None,
    ) -> Mapping[str, Any]:
        """A link that needs no header, for an hour and for this caller."""
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        digest = Digest.parse(layer_digest)
        blob = self._blobs.get(repository, digest)
        self._layers.require_needed(repository, blob)
        asker = Asker(identity_of(context), circumstances_of(context, {}))
        self._doors.blob(repository, blob, asker)
        sealed = self._downloads.seal(repository, str(digest), proven_of(context).credential)
        scheme = "https" if context.secure else "http"
        path = f"{DOWNLOADS}{quote(str(digest), safe=':')}?token={sealed}"
        return {
            "downloadUrl": f"{scheme}://{context.host}{path}",
            "layerDigest": str(digest),
        }

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
