"""ECR's BatchDeleteImage.

Source: ECR API reference, BatchDeleteImage and ImageFailure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.domain.api.deletions import delete, tags_that_go
from registry.ecr.service import ecr, repository_arn, scope_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_ecr.type_defs import ImageIdentifierTypeDef

    from registry.aws.context import Context
    from registry.aws.service import Conditions
    from registry.domain.deletions import Deletions
    from registry.domain.repositories import Repositories
    from registry.domain.tagged import TagsOf


class DeletionOperations:
    """Delete images by tag or digest."""

    def __init__(self, repositories: Repositories, deletions: Deletions, tags_of: TagsOf) -> None:
        self._repositories = repositories
        self._deletions = deletions
        self._tags_of = tags_of

    def every_tag(self, context: Context, parameters: Mapping[str, Any]) -> Sequence[Conditions]:
        """`ecr:ImageTag` of each tag that would go: by digest, of all that the image has."""
        scope = scope_of(context, parameters.get("registry_id"))
        name, image_ids = parameters["repository_name"], parameters["image_ids"]
        tags = tags_that_go(self._tags_of, scope, name, image_ids)
        return [{"ecr:imagetag": tag} if tag else {} for tag in tags]

    @ecr.operation(resource=repository_arn, conditions=every_tag)
    def batch_delete_image(
        self,
        context: Context,
        *,
        repository_name: str,
        image_ids: Sequence[ImageIdentifierTypeDef],
        registry_id: str | None = None,
    ) -> Mapping[str, Any]:
        """Delete the named images and tags, and tell why those that stay do."""
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        return delete(self._deletions, repository, image_ids)
