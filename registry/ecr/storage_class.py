"""ECR's UpdateImageStorageClass: into the archive and back.

Source: ECR API reference, UpdateImageStorageClass; ECR User Guide, "Archiving an image".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.domain.api.identifiers import Failure, find, not_found
from registry.domain.storage_class import STATUS_OF
from registry.ecr.service import ecr, repository_arn, scope_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_ecr.type_defs import ImageIdentifierTypeDef

    from registry.aws.context import Context
    from registry.aws.service import Conditions
    from registry.domain.images import Images
    from registry.domain.repositories import Repositories
    from registry.domain.storage_class import StorageClasses
    from registry.domain.tagged import TagsOf


class StorageClassOperations:
    """Archive and restore."""

    def __init__(
        self,
        repositories: Repositories,
        images: Images,
        storage_classes: StorageClasses,
        tags_of: TagsOf,
    ) -> None:
        self._repositories = repositories
        self._images = images
        self._storage_classes = storage_classes
        self._tags_of = tags_of

    def every_tag(self, context: Context, parameters: Mapping[str, Any]) -> Sequence[Conditions]:
        """`ecr:ImageTag` of each tag that the image has: none of them can be pulled any more."""
        scope = scope_of(context, parameters.get("registry_id"))
        tag, digest = (parameters["image_id"].get(name) for name in ("imageTag", "imageDigest"))
        named = (
            [] if digest is None else self._tags_of(scope, parameters["repository_name"], digest)
        )
        tags = dict.fromkeys([*([tag] if tag else []), *named])
        return [{"ecr:imagetag": each} for each in tags] or [{}]

    @ecr.operation(resource=repository_arn, conditions=every_tag)
    def update_image_storage_class(
        self,
        context: Context,
        *,
        repository_name: str,
        image_id: ImageIdentifierTypeDef,
        target_storage_class: str,
        registry_id: str | None = None,
    ) -> Mapping[str, Any]:
        """Archive an image, or restore it; either is done when this answers."""
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        try:
            image = find(self._images, repository, image_id).image
        except Failure as failure:
            raise not_found(repository, image_id, failure) from None
        status = self._storage_classes.move(repository, image, STATUS_OF[target_storage_class])
        return {
            "registryId": repository.scope.account,
            "repositoryName": repository.name,
            "imageId": image_id,
            "imageStatus": status,
        }
