"""ECR Public's operations on layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.ecrpublic.service import Public, ecr_public

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.domain.api.layers import LayerChecks, LayerUploads
    from registry.domain.public.registries import PublicRegistries
    from registry.domain.repositories import Repositories


class LayerOperations(Public):
    """Check, initiate, upload, complete."""

    def __init__(
        self,
        registries: PublicRegistries,
        repositories: Repositories,
        uploads: LayerUploads,
        checks: LayerChecks,
    ) -> None:
        super().__init__(registries, repositories)
        self._uploads = uploads
        self._checks = checks

    @ecr_public.operation(resource=Public.repository_arn)
    def batch_check_layer_availability(
        self,
        context: Context,
        *,
        repository_name: str,
        layer_digests: Sequence[str],
        registry_id: str | None = None,
    ) -> Mapping[str, Any]:
        """Which layers the repository holds."""
        repository = self.repository(context, registry_id, repository_name)
        return self._checks.check(repository, layer_digests)

    @ecr_public.operation(resource=Public.repository_arn)
    def initiate_layer_upload(
        self, context: Context, *, repository_name: str, registry_id: str | None = None
    ) -> Mapping[str, Any]:
        """Begin."""
        repository = self.repository(context, registry_id, repository_name)
        return self._uploads.initiate(repository, context.caller.user_id)

    @ecr_public.operation(resource=Public.repository_arn)
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
        repository = self.repository(context, registry_id, repository_name)
        owner, span = context.caller.user_id, (part_first_byte, part_last_byte)
        return self._uploads.take(repository, owner, upload_id, span, layer_part_blob)

    @ecr_public.operation(resource=Public.repository_arn)
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
        repository = self.repository(context, registry_id, repository_name)
        owner = context.caller.user_id
        return self._uploads.complete(repository, owner, upload_id, layer_digests)
