"""ECR's operations on layers: what docker does over `/v2/`, as an API.

Source: ECR API reference, BatchCheckLayerAvailability, InitiateLayerUpload, UploadLayerPart,
CompleteLayerUpload, GetDownloadUrlForLayer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from registry.domain.api.layers import LayerChecks
from registry.domain.gates.doors import Asker
from registry.domain.requests import circumstances_of, identity_of, proven_of
from registry.ecr.service import ecr, repository_arn, scope_of
from registry.values.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.domain.api.layers import LayerUploads
    from registry.domain.blobs import Blobs
    from registry.domain.downloads import Downloads
    from registry.domain.gates.doors import Doors
    from registry.domain.layers import Layers
    from registry.domain.repositories import Repositories
    from registry.ecr.upstream import Upstream

DOWNLOADS = "/layers/"
"""Path below which `oci/downloads.py` serves what a download URL names."""


class LayerUploadOperations:
    """Initiate, upload, complete: an upload is known only to the principal who began it."""

    def __init__(self, repositories: Repositories, uploads: LayerUploads) -> None:
        self._repositories = repositories
        self._uploads = uploads

    @ecr.operation(resource=repository_arn)
    def initiate_layer_upload(
        self, context: Context, *, repository_name: str, registry_id: str | None = None
    ) -> Mapping[str, Any]:
        """Begin."""
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        return self._uploads.initiate(repository, context.caller.user_id)

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
        owner, span = context.caller.user_id, (part_first_byte, part_last_byte)
        return self._uploads.take(repository, owner, upload_id, span, layer_part_blob)

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
        owner = context.caller.user_id
        return self._uploads.complete(repository, owner, upload_id, layer_digests)


class LayerOperations:
    """Check and download."""

    def __init__(
        self,
        repositories: Repositories,
        blobs: Blobs,
        layers: Layers,
        downloads: Downloads,
        upstream: Upstream,
        *,
        doors: Doors,
    ) -> None:
        self._repositories = repositories
        self._upstream = upstream
        self._checks = LayerChecks(blobs, layers)
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
        return self._checks.check(repository, layer_digests)

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
        self._upstream.layer(repository, digest)
        self._layers.require_needed(repository, self._blobs.get(repository, digest))
        asker = Asker(identity_of(context), circumstances_of(context, {}))
        self._doors.blob(repository, digest, asker)
        sealed = self._downloads.seal(repository, str(digest), proven_of(context).credential)
        scheme = "https" if context.secure else "http"
        path = f"{DOWNLOADS}{quote(str(digest), safe=':')}?token={sealed}"
        return {
            "downloadUrl": f"{scheme}://{context.host}{path}",
            "layerDigest": str(digest),
        }
