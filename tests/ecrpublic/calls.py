"""What the tests of public registries share."""

from __future__ import annotations

from typing import Any

from registry.values.scope import Scope
from tests.application import ACCOUNT, HOST, Registry
from tests.identities import aws
from tests.images import Image

NAME = "tools/hello"
PUBLIC = Scope.public_of(ACCOUNT)
ARN = f"arn:aws:ecr-public::{ACCOUNT}:repository/{NAME}"
PUBLIC_HOST = "public.localhost:5000"


def public(registry: Registry, key: Any = None) -> Any:
    """A boto3 client of ECR Public."""
    return aws(registry, "ecr-public", key)


def alias_of(registry: Registry) -> str:
    (found,) = public(registry).describe_registries()["registries"]
    return str(found["aliases"][0]["name"])


def path_of(registry: Registry, name: str = NAME) -> str:
    """Where docker finds a public repository on the registry's own host."""
    return f"public/{alias_of(registry)}/{name}"


def hold(registry: Registry, image: Image, tag: str | None = None, name: str = NAME) -> None:
    """Store an image in a public repository, without the wire."""
    target = registry.repositories.get(PUBLIC, name)
    for child in image.children:
        hold(registry, child, None, name)
    for blob in image.blobs:
        registry.hold_blob(target, blob.content)
    tags = [tag] if tag else []
    registry.images.put(target, image.manifest, image.media_type, tag_names=tags)


__all__ = ["ARN", "HOST", "NAME", "PUBLIC", "PUBLIC_HOST", "alias_of", "hold", "path_of", "public"]
