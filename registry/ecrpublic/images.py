"""ECR Public's operations on images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.domain.api import deletions as answers
from registry.domain.api.images import named, put, refuse_pages
from registry.domain.storage_class import ACTIVE
from registry.ecrpublic.service import PAGE, Public, ecr_public

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_ecr.type_defs import ImageIdentifierTypeDef

    from registry.aws.context import Context
    from registry.aws.pages import Pages
    from registry.domain.deletions import Deletions
    from registry.domain.images import Image, Images
    from registry.domain.public.registries import PublicRegistries
    from registry.domain.public.tags import TagDetail, TagDetails
    from registry.domain.repositories import Repositories, Repository


class ImageOperations(Public):
    """Describe, put, delete."""

    def __init__(
        self,
        registries: PublicRegistries,
        repositories: Repositories,
        images: Images,
        deletions: Deletions,
        pages: Pages,
    ) -> None:
        super().__init__(registries, repositories)
        self._images = images
        self._deletions = deletions
        self._pages = pages

    @ecr_public.operation(resource=Public.repository_arn)
    def describe_images(
        self,
        context: Context,
        *,
        repository_name: str,
        registry_id: str | None = None,
        image_ids: Sequence[ImageIdentifierTypeDef] | None = None,
        next_token: str | None = None,
        max_results: int | None = None,
    ) -> Mapping[str, Any]:
        """What is known of the named images, or of all, in pages."""
        repository = self.repository(context, registry_id, repository_name)
        if image_ids:
            refuse_pages("imageIds", next_token, max_results)
            found = named(self._images, repository, image_ids)
            return {"imageDetails": [_detail(repository, image) for image in found]}
        listing = f"public images {repository.id} {context.caller.arn}"
        limit = max_results or PAGE
        after = self._pages.open(listing, next_token, 0)
        found = self._images.page(repository, after, limit + 1, status=ACTIVE)
        answer: dict[str, Any] = {
            "imageDetails": [_detail(repository, image) for image in found[:limit]]
        }
        if len(found) > limit:
            answer["nextToken"] = self._pages.seal(listing, found[limit - 1].id)
        return answer

    @ecr_public.operation(resource=Public.repository_arn)
    def put_image(
        self,
        context: Context,
        *,
        repository_name: str,
        image_manifest: str,
        registry_id: str | None = None,
        image_manifest_media_type: str | None = None,
        image_tag: str | None = None,
        image_digest: str | None = None,
    ) -> Mapping[str, Any]:
        """Store a manifest whose layers are there, and tag it."""
        return put(
            self._images,
            self.repository(context, registry_id, repository_name),
            image_manifest,
            media_type=image_manifest_media_type,
            tag=image_tag,
            digest=image_digest,
        )

    @ecr_public.operation(resource=Public.repository_arn)
    def batch_delete_image(
        self,
        context: Context,
        *,
        repository_name: str,
        image_ids: Sequence[ImageIdentifierTypeDef],
        registry_id: str | None = None,
    ) -> Mapping[str, Any]:
        """Delete the named images and tags, and tell why those that stay do."""
        repository = self.repository(context, registry_id, repository_name)
        return answers.delete(self._deletions, repository, image_ids)


class TagOperations(Public):
    """Describe the tags of images."""

    def __init__(
        self,
        registries: PublicRegistries,
        repositories: Repositories,
        tags: TagDetails,
        pages: Pages,
    ) -> None:
        super().__init__(registries, repositories)
        self._tags = tags
        self._pages = pages

    @ecr_public.operation(resource=Public.repository_arn)
    def describe_image_tags(
        self,
        context: Context,
        *,
        repository_name: str,
        registry_id: str | None = None,
        next_token: str | None = None,
        max_results: int | None = None,
    ) -> Mapping[str, Any]:
        """Each tag with its image, by name."""
        repository = self.repository(context, registry_id, repository_name)
        listing = f"public tags {repository.id} {context.caller.arn}"
        limit = max_results or PAGE
        after = self._pages.open(listing, next_token, "")
        found = self._tags.page(repository, after, limit + 1)
        answer: dict[str, Any] = {"imageTagDetails": [_tag_detail(each) for each in found[:limit]]}
        if len(found) > limit:
            answer["nextToken"] = self._pages.seal(listing, found[limit - 1].name)
        return answer


def _detail(repository: Repository, image: Image) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "registryId": repository.scope.account,
        "repositoryName": repository.name,
        "imageDigest": str(image.digest),
        "imageSizeInBytes": image.size,
        "imagePushedAt": image.pushed_at,
        "imageManifestMediaType": image.media_type,
    }
    if image.tags:
        detail["imageTags"] = list(image.tags)
    if image.artifact_type:
        detail["artifactMediaType"] = image.artifact_type
    return detail


def _tag_detail(tag: TagDetail) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "imageDigest": tag.digest,
        "imageSizeInBytes": tag.size,
        "imagePushedAt": tag.pushed_at,
        "imageManifestMediaType": tag.media_type,
    }
    if tag.artifact_type:
        detail["artifactMediaType"] = tag.artifact_type
    return {"imageTag": tag.name, "createdAt": tag.created_at, "imageDetail": detail}
