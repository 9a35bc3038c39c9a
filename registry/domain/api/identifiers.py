"""Image identifiers, `{imageDigest, imageTag}`: found, or the reason why not.

Source: ECR API reference, ImageIdentifier and ImageFailure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.values.digest import Digest
from registry.values.errors import (
    DigestInvalid,
    ImageArchived,
    ImageNotFound,
    ParameterInvalid,
    TagInvalid,
)
from registry.values.reference import tag_name

if TYPE_CHECKING:
    from types_boto3_ecr.type_defs import ImageIdentifierTypeDef

    from registry.domain.images import Image, Images, Stored
    from registry.domain.repositories import Repository


class Failure(Exception):
    """Why one image of a batch has no answer."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason

    def described(self, image_id: ImageIdentifierTypeDef) -> dict[str, Any]:
        """In the model's form."""
        return {"imageId": image_id, "failureCode": self.code, "failureReason": self.reason}


def identifier(digest: Digest, tag: str | None) -> ImageIdentifierTypeDef:
    """The identifier of an image."""
    found: ImageIdentifierTypeDef = {"imageDigest": str(digest)}
    if tag is not None:
        found["imageTag"] = tag
    return found


def find(images: Images, repository: Repository, image_id: ImageIdentifierTypeDef) -> Stored:
    """The image that it names. Raises Failure."""
    digest, tag = read(image_id)
    reference = digest if digest is not None else tag
    assert reference is not None  # noqa: S101 - `read` refuses one without either
    try:
        stored = images.get(repository, reference)
    except ImageNotFound:
        raise no_image() from None
    if tag is not None and tag not in stored.image.tags:
        raise other_digest(tag, digest)
    return stored


def not_found(
    repository: Repository, image_id: ImageIdentifierTypeDef, failure: Failure
) -> ImageNotFound | ParameterInvalid:
    """The exception of an operation that knows no partial failure."""
    if failure.code in {"MissingDigestAndTag", "InvalidImageDigest", "InvalidImageTag"}:
        return ParameterInvalid(failure.reason)
    shown = ", ".join(
        f"{name}:'{image_id.get(name, 'null')}'" for name in ("imageDigest", "imageTag")
    )
    return ImageNotFound(
        f"The image with imageId {{{shown}}} does not exist within the repository with name"
        f" '{repository.name}' in the registry with id '{repository.scope.account}'"
    )


def require_active(image: Image) -> None:
    """Raise Failure for an image that nobody may pull before it is restored."""
    try:
        image.require_active()
    except ImageArchived as error:
        raise Failure("ImageInaccessible", str(error)) from None


def no_image() -> Failure:
    """Nothing of that name."""
    return Failure("ImageNotFound", "Requested image not found")


def other_digest(tag: str | None, digest: Digest | None) -> Failure:
    """A tag and a digest that do not belong together."""
    return Failure(
        "ImageTagDoesNotMatchDigest",
        f"The image tag '{tag}' does not belong to the image with digest '{digest}'",
    )


def read(image_id: ImageIdentifierTypeDef) -> tuple[Digest | None, str | None]:
    """Digest and tag, one of them at least. Raises Failure."""
    if not image_id:
        raise Failure(
            "MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null"
        )
    digest, tag = image_id.get("imageDigest"), image_id.get("imageTag")
    try:
        parsed = Digest.parse(digest) if digest is not None else None
    except DigestInvalid:
        raise Failure(
            "InvalidImageDigest",
            "Invalid request parameters: image digest should satisfy the regex"
            " '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
        ) from None
    try:
        return parsed, tag_name(tag) if tag is not None else None
    except TagInvalid:
        raise Failure(
            "InvalidImageTag",
            "Invalid request parameters: image tag should satisfy the regex"
            " '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'",
        ) from None
