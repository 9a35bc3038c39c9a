"""PutImage, and images that a request names, as ECR and ECR Public have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.domain.api.identifiers import Failure, find, identifier, not_found
from registry.values.digest import Digest
from registry.values.errors import ImageExists, ParameterInvalid
from registry.values.reference import tag_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_ecr.type_defs import ImageIdentifierTypeDef

    from registry.domain.images import Image, Images
    from registry.domain.repositories import Repository


def put(
    images: Images,
    repository: Repository,
    manifest: str,
    *,
    media_type: str | None,
    tag: str | None,
    digest: str | None,
) -> dict[str, Any]:
    """Store a manifest whose layers are there, and tag it. Raises ImageExists and more."""
    pushed = images.put(
        repository,
        manifest.encode(),
        media_type,
        digest=Digest.parse(digest) if digest else None,
        tag_names=() if tag is None else (tag_name(tag),),
        complete=True,
    )
    actual = pushed.image.digest
    if not pushed.is_new and not pushed.moved:
        raise ImageExists(
            f"Image with digest '{actual}' and tag '{tag}' already exists in the"
            f" repository with name '{repository.name}' in registry with id"
            f" '{repository.scope.account}'"
        )
    return {
        "image": {
            "registryId": repository.scope.account,
            "repositoryName": repository.name,
            "imageId": identifier(actual, tag),
            "imageManifest": manifest,
            "imageManifestMediaType": pushed.image.media_type,
        }
    }


def named(
    images: Images, repository: Repository, image_ids: Sequence[ImageIdentifierTypeDef]
) -> list[Image]:
    """The images, each once. Raises ImageNotFound, ParameterInvalid."""
    found: dict[int, Image] = {}
    for image_id in image_ids:
        try:
            image = find(images, repository, image_id).image
        except Failure as failure:
            raise not_found(repository, image_id, failure) from None
        found[image.id] = image
    return list(found.values())


def refuse_pages(member: str, *given: object) -> None:
    """Raise ParameterInvalid where a request that names what it wants asks for pages too."""
    if any(each is not None for each in given):
        raise ParameterInvalid(
            "Invalid parameter at 'maxResults' failed to satisfy constraint:"
            f" 'must not be used together with {member}'"
        )
