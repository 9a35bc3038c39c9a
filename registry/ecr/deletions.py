"""ECR's BatchDeleteImage.

Source: ECR API reference, BatchDeleteImage and ImageFailure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.domain.deletions import Gone, Kept, Named, Problem
from registry.ecr.identifiers import Failure, identifier, no_image, other_digest, read
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
        tags: dict[str, None] = {}
        for image_id in parameters["image_ids"]:
            tag, digest = image_id.get("imageTag"), image_id.get("imageDigest", "")
            named = [tag] if tag else self._tags_of(scope, parameters["repository_name"], digest)
            tags.update(dict.fromkeys(named or [""]))
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
        asked = [_named(image_id) for image_id in image_ids]
        named = [each for each in asked if isinstance(each, Named)]
        outcomes = iter(self._deletions.delete(repository, named))
        deleted: dict[str, ImageIdentifierTypeDef] = {}
        failures: list[dict[str, Any]] = []
        for image_id, each in zip(image_ids, asked, strict=True):
            outcome = each if isinstance(each, Failure) else _outcome(each, next(outcomes))
            if isinstance(outcome, Failure):
                failures.append(outcome.described(image_id))
            else:
                deleted |= {str(gone): gone for gone in outcome}
        return {"imageIds": list(deleted.values()), "failures": failures}


def _named(image_id: ImageIdentifierTypeDef) -> Named | Failure:
    try:
        return Named(*read(image_id))
    except Failure as failure:
        return failure


def _outcome(named: Named, outcome: Gone | Kept) -> list[ImageIdentifierTypeDef] | Failure:
    """Identifiers of what went, one for each tag as ECR answers; or why nothing did."""
    if isinstance(outcome, Gone):
        return [identifier(outcome.digest, tag) for tag in outcome.tags or (None,)]
    if outcome.problem is Problem.LISTED:
        return Failure(
            "ImageReferencedByManifestList",
            f"Requested image referenced by manifest list: [{', '.join(outcome.holders)}]",
        )
    if outcome.problem is Problem.OTHER_DIGEST:
        return other_digest(named.tag, named.digest)
    if outcome.problem is Problem.PROTECTED:
        return Failure("ImageInaccessible", outcome.reason)
    return no_image()
