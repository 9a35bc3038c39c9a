"""ECR's ListImageReferrers.

Source: ECR API reference, ListImageReferrers, which asks for ecr:BatchGetImage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.ecr.service import ecr, repository_arn, scope_of
from registry.values.digest import Digest
from registry.values.manifest import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_ecr.type_defs import ListImageReferrersFilterTypeDef, SubjectIdentifierTypeDef

    from registry.aws.context import Context
    from registry.aws.pages import Pages
    from registry.domain.images import Images, Stored
    from registry.domain.repositories import Repositories

PAGE = 20
"""Entries in one answer, where `maxResults` says nothing."""


class ReferrerOperations:
    """List."""

    def __init__(self, repositories: Repositories, images: Images, pages: Pages) -> None:
        self._repositories = repositories
        self._images = images
        self._pages = pages

    @ecr.operation(resource=repository_arn, actions=("ecr:BatchGetImage",))
    def list_image_referrers(
        self,
        context: Context,
        *,
        repository_name: str,
        subject_id: SubjectIdentifierTypeDef,
        registry_id: str | None = None,
        filter: ListImageReferrersFilterTypeDef | None = None,  # noqa: A002 - the model's name
        next_token: str | None = None,
        max_results: int | None = None,
    ) -> Mapping[str, Any]:
        """What names the image as its subject: signatures, SBOMs, attestations."""
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        subject = Digest.parse(subject_id["imageDigest"])
        wanted = filter or {}
        types = tuple(sorted(set(wanted.get("artifactTypes", ()))))
        status = wanted.get("artifactStatus", "ACTIVE")
        listing = f"referrers {repository.id} {subject} {types} {status} {context.caller.arn}"
        after = self._pages.open(listing, next_token, "")
        found, more = self._images.referrers(
            repository,
            subject,
            after,
            max_results or PAGE,
            artifact_types=types,
            status=None if status == "ANY" else status,
        )
        answer: dict[str, Any] = {"referrers": [_described(stored) for stored in found]}
        if more:
            answer["nextToken"] = self._pages.seal(listing, str(found[-1].image.digest))
        return answer


def _described(stored: Stored) -> dict[str, Any]:
    image = stored.image
    described: dict[str, Any] = {
        "digest": str(image.digest),
        "mediaType": image.media_type,
        "size": len(stored.content),
        "artifactStatus": image.status,
    }
    if image.artifact_type:
        described["artifactType"] = image.artifact_type
    if annotations := parse(stored.content, image.media_type).annotations:
        described["annotations"] = annotations
    return described
