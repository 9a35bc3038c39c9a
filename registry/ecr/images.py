"""ECR's operations on images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.domain.api.identifiers import Failure, find, identifier, require_active
from registry.domain.api.images import named, put, refuse_pages
from registry.domain.gates.doors import Asker
from registry.domain.requests import circumstances_of, identity_of
from registry.ecr.service import ecr, image_tags, repository_arn, scope_of
from registry.values.errors import KeyUnavailable
from registry.values.gating import GateRefused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_ecr.type_defs import (
        DescribeImagesFilterTypeDef,
        ImageDetailTypeDef,
        ImageIdentifierTypeDef,
        ImageTypeDef,
        ListImagesFilterTypeDef,
    )

    from registry.aws.context import Context
    from registry.aws.pages import Pages
    from registry.domain.gates.doors import Doors
    from registry.domain.images import Image, Images
    from registry.domain.pulls import Pulls
    from registry.domain.repositories import Repositories, Repository
    from registry.ecr.image_scans import ImageScans
    from registry.ecr.upstream import Upstream

PAGE = 100
"""Entries in one answer, where `maxResults` says nothing."""

_TAGGED = {"TAGGED": True, "UNTAGGED": False, "ANY": None}


class ImageOperations:
    """List, describe, get, put."""

    def __init__(
        self,
        repositories: Repositories,
        images: Images,
        pages: Pages,
        pulls: Pulls,
        scans: ImageScans,
        *,
        upstream: Upstream,
        doors: Doors,
    ) -> None:
        self._scans = scans
        self._repositories = repositories
        self._upstream = upstream
        self._images = images
        self._pages = pages
        self._pulls = pulls
        self._doors = doors

    @ecr.operation(resource=repository_arn)
    def list_images(
        self,
        context: Context,
        *,
        repository_name: str,
        registry_id: str | None = None,
        next_token: str | None = None,
        max_results: int | None = None,
        filter: ListImagesFilterTypeDef | None = None,  # noqa: A002 - the model's name
    ) -> Mapping[str, Any]:
        """One identifier for each tag, and one for each image without."""
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        tagged, status = _filter(filter)
        listing = f"image ids {repository.id} {tagged} {status} {context.caller.arn}"
        limit = max_results or PAGE
        after = self._pages.open(listing, next_token, (0, ""))
        found = self._images.identifiers(repository, after, limit + 1, tagged=tagged, status=status)
        answer: dict[str, Any] = {
            "imageIds": [identifier(item.digest, item.tag) for item in found[:limit]]
        }
        if len(found) > limit:
            last = found[limit - 1]
            answer["nextToken"] = self._pages.seal(listing, (last.image_id, last.tag or ""))
        return answer

    @ecr.operation(resource=repository_arn)
    def describe_images(
        self,
        context: Context,
        *,
        repository_name: str,
        registry_id: str | None = None,
        image_ids: Sequence[ImageIdentifierTypeDef] | None = None,
        next_token: str | None = None,
        max_results: int | None = None,
        filter: DescribeImagesFilterTypeDef | None = None,  # noqa: A002 - the model's name
    ) -> Mapping[str, Any]:
        """What is known of the named images, or of all, in pages."""
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        if image_ids:
            refuse_pages("imageIds", next_token, max_results)
            found = named(self._images, repository, image_ids)
            return {"imageDetails": self._details(repository, found)}
        tagged, status = _filter(filter)
        listing = f"images {repository.id} {tagged} {status} {context.caller.arn}"
        limit = max_results or PAGE
        after = self._pages.open(listing, next_token, 0)
        found = self._images.page(repository, after, limit + 1, tagged=tagged, status=status)
        answer: dict[str, Any] = {"imageDetails": self._details(repository, found[:limit])}
        if len(found) > limit:
            answer["nextToken"] = self._pages.seal(listing, found[limit - 1].id)
        return answer

    @ecr.operation(resource=repository_arn, conditions=image_tags)
    def batch_get_image(
        self,
        context: Context,
        *,
        repository_name: str,
        image_ids: Sequence[ImageIdentifierTypeDef],
        registry_id: str | None = None,
        accepted_media_types: Sequence[str] = (),
    ) -> Mapping[str, Any]:
        """The manifests of the named images, and why those that are missing are."""
        scope = scope_of(context, registry_id)
        not_brought = self._upstream.images(context, scope, repository_name, image_ids)
        repository = self._repositories.get(scope, repository_name)
        images: list[ImageTypeDef] = []
        failures: list[dict[str, Any]] = []
        for at, image_id in enumerate(image_ids):
            try:
                if at in not_brought:
                    raise not_brought[at]
                images.append(self._image(context, repository, image_id, accepted_media_types))
            except Failure as failure:
                failures.append(failure.described(image_id))
            except GateRefused as error:
                failures.append(Failure("ImageInaccessible", str(error)).described(image_id))
            except KeyUnavailable as error:
                failures.append(Failure("KmsError", str(error)).described(image_id))
        return {"images": images, "failures": failures}

    @ecr.operation(resource=repository_arn, conditions=image_tags)
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
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        return put(
            self._images,
            repository,
            image_manifest,
            media_type=image_manifest_media_type,
            tag=image_tag,
            digest=image_digest,
        )

    def _image(
        self,
        context: Context,
        repository: Repository,
        image_id: ImageIdentifierTypeDef,
        accepted: Sequence[str],
    ) -> ImageTypeDef:
        stored = find(self._images, repository, image_id)
        require_active(stored.image)
        if accepted and stored.image.media_type not in accepted:
            raise Failure(
                "ImageNotFound",
                f"Requested image not found: its media type is {stored.image.media_type}",
            )
        tag = image_id.get("imageTag")
        about = circumstances_of(context, {"ecr:imagetag": tag} if tag else {})
        self._doors.image(repository, stored, Asker(identity_of(context), about))
        self._pulls.pulled(repository, stored.image, identity_of(context), tag)
        return {
            "registryId": repository.scope.account,
            "repositoryName": repository.name,
            "imageId": identifier(stored.image.digest, image_id.get("imageTag")),
            "imageManifest": stored.content.decode(),
            "imageManifestMediaType": stored.image.media_type,
        }

    def _details(self, repository: Repository, images: Sequence[Image]) -> list[ImageDetailTypeDef]:
        scanned = self._scans.details(repository, images)
        return [
            {**_detail(repository, image), **scanned.get(image.id, {})}  # type: ignore[typeddict-item]  # members of the same
            for image in images
        ]


def _filter(given: Mapping[str, Any] | None) -> tuple[bool | None, str | None]:
    """Whether tagged images are wanted, and of which status; None: of any."""
    wanted = given or {}
    status = wanted.get("imageStatus", "ACTIVE")
    return _TAGGED[wanted.get("tagStatus", "ANY")], None if status == "ANY" else status


def _detail(repository: Repository, image: Image) -> ImageDetailTypeDef:
    detail: ImageDetailTypeDef = {
        "registryId": repository.scope.account,
        "repositoryName": repository.name,
        "imageDigest": str(image.digest),
        "imageSizeInBytes": image.size,
        "imagePushedAt": image.pushed_at,
        "imageManifestMediaType": image.media_type,
        "imageStatus": image.status,  # type: ignore[typeddict-item]  # the row's text
    }
    if image.archived_at:
        detail["lastArchivedAt"] = image.archived_at
    if image.activated_at:
        detail["lastActivatedAt"] = image.activated_at
    if image.pulled_at:
        detail["lastRecordedPullTime"] = image.pulled_at
    if image.tags:
        detail["imageTags"] = list(image.tags)
    if image.artifact_type:
        detail["artifactMediaType"] = image.artifact_type
    if image.subject:
        detail["subjectManifestDigest"] = str(image.subject)
    return detail
