"""BatchDeleteImage: what goes, and why the rest stays.

Source: ECR and ECR Public API references, BatchDeleteImage and ImageFailure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.domain.api.identifiers import Failure, identifier, no_image, other_digest, read
from registry.domain.deletions import Gone, Kept, Named, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_ecr.type_defs import ImageIdentifierTypeDef

    from registry.domain.deletions import Deletions
    from registry.domain.repositories import Repository
    from registry.domain.tagged import TagsOf
    from registry.values.scope import Scope


def tags_that_go(
    tags_of: TagsOf, scope: Scope, repository: str, image_ids: Sequence[ImageIdentifierTypeDef]
) -> list[str]:
    """Each tag that would go: by digest, all that the image has; "" where there is none."""
    tags: dict[str, None] = {}
    for image_id in image_ids:
        tag, digest = image_id.get("imageTag"), image_id.get("imageDigest", "")
        named = [tag] if tag else tags_of(scope, repository, digest)
        tags.update(dict.fromkeys(named or [""]))
    return list(tags)


def delete(
    deletions: Deletions, repository: Repository, image_ids: Sequence[ImageIdentifierTypeDef]
) -> dict[str, Any]:
    """Delete the named images and tags, and tell why those that stay do."""
    asked = [_named(image_id) for image_id in image_ids]
    named = [each for each in asked if isinstance(each, Named)]
    outcomes = iter(deletions.delete(repository, named))
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
