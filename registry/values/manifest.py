"""Image manifests and indexes, read strictly and never rewritten.

Sources: OCI image-spec manifest.md and image-index.md; Docker "Image Manifest Version 2,
Schema 2". The bytes as pushed are the truth: what is parsed here only tells what they refer to.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from registry.values.digest import Digest, shown
from registry.values.errors import DigestInvalid, ManifestInvalid, ManifestTooLarge

SIZE_MAX = 4 * 1024 * 1024
"""Bytes; ECR's limit, and what the distribution-spec asks to be supported."""

CONTENT_MAX = 1 << 63
"""Bytes: sizes are signed 64-bit numbers (image-spec descriptor.md, "size")."""

TYPE_MAX = 255
"""Characters of a media type: RFC 6838 section 4.2 allows 127 on either side of the slash."""

_LONE = re.compile("[\ud800-\udfff]")

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
IMAGES = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a manifest says of one piece of content."""

    media_type: str
    digest: Digest
    size: int
    elsewhere: bool = False
    """The content may lie with somebody else: a foreign or non-distributable layer."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the registry needs to know of a manifest."""

    media_type: str
    content: bytes = field(repr=False)
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    manifests: tuple[Descriptor, ...] = ()
    subject: Digest | None = None
    artifact_type: str | None = None
    annotations: dict[str, str] = field(default_factory=dict)

    @property
    def is_index(self) -> bool:
        """Whether it lists other manifests."""
        return self.media_type in INDEXES

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """Config and layers, in the order of the manifest."""
        return ((self.config,) if self.config else ()) + self.layers

    @property
    def image_size(self) -> int:
        """Bytes of everything the manifest lists directly, itself included (as ECR counts)."""
        return len(self.content) + sum(part.size for part in (*self.blobs, *self.manifests))


def parse(content: bytes, media_type: str | None = None) -> Manifest:
    """Read a manifest; `media_type` is the Content-Type it was pushed with.

    Raises ManifestTooLarge, or ManifestInvalid saying which field is wrong.
    """
    if len(content) > SIZE_MAX:
        raise ManifestTooLarge(
            f"the manifest has {len(content)} bytes, more than the {SIZE_MAX} that are allowed"
        )
    document = _load(content)
    kind = _media_type(document, media_type)
    version = document.get("schemaVersion")
    if version != 2 or not isinstance(version, int):
        raise ManifestInvalid("schemaVersion must be 2")
    return _read(kind, content, document, _annotations(document))


def _read(
    kind: str, content: bytes, document: dict[str, Any], annotations: dict[str, str]
) -> Manifest:
    subject = document.get("subject")
    config = None
    if kind in IMAGES:
        config = _descriptor(document.get("config"), "config")
    artifact_type = _text(document, "artifactType") or None
    if artifact_type is None and config is not None:
        artifact_type = config.media_type
    manifest = Manifest(
        media_type=kind,
        content=content,
        config=config,
        layers=_descriptors(document, "layers") if kind in IMAGES else (),
        manifests=_descriptors(document, "manifests") if kind in INDEXES else (),
        subject=None if subject is None else _descriptor(subject, "subject").digest,
        artifact_type=artifact_type,
        annotations=annotations,
    )
    if manifest.image_size >= CONTENT_MAX:
        raise ManifestInvalid(f"the sizes come to {manifest.image_size} bytes in all")
    return manifest


def _load(content: bytes) -> dict[str, Any]:
    # In UTF-8 and nothing else (RFC 8259 section 8.1): json would guess UTF-16 and UTF-32 too.
    try:
        document = json.loads(
            content.decode(), object_pairs_hook=_without_twins, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        raise ManifestInvalid(f"the manifest is not JSON: {str(error)[:200]}") from None
    if not isinstance(document, dict):
        raise ManifestInvalid("the manifest is not a JSON object")
    return document


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two members of one name mean different things to different readers: refuse them."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the member {shown(name)} stands twice in one object")
        found[name] = value
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _annotations(document: dict[str, Any]) -> dict[str, str]:
    found = document.get("annotations")
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise ManifestInvalid("annotations must be an object whose values are strings")
    return found


def _media_type(document: dict[str, Any], given: str | None) -> str:
    inside = _text(document, "mediaType") or None
    outside = given.partition(";")[0].strip().lower() if given else None
    if inside and outside and inside != outside:
        raise ManifestInvalid(
            f"mediaType is {shown(inside)}, but the Content-Type is {shown(outside)}"
        )
    kind = inside or outside or _guessed(document)
    if kind not in IMAGES and kind not in INDEXES:
        known = ", ".join(sorted(IMAGES | INDEXES))
        raise ManifestInvalid(f"media type {shown(kind)} is not supported ({known})")
    if "layers" in document and "manifests" in document:
        raise ManifestInvalid("a manifest has either layers or manifests, not both")
    return kind


def _guessed(document: dict[str, Any]) -> str:
    """An OCI manifest may leave its type out; ECR's PutImage then tells it by its members."""
    if "manifests" in document:
        return OCI_INDEX
    if "config" in document:
        return OCI_MANIFEST
    raise ManifestInvalid("the manifest has no mediaType, and neither config nor manifests")


def _text(document: dict[str, Any], name: str) -> str:
    value = document.get(name, "")
    if not _is_type(value):
        raise ManifestInvalid(f"{name} must be a string of at most 255 characters")
    return str(value)


def _is_type(value: Any) -> bool:
    """Whether it may be a media type; half a surrogate pair could not even be stored."""
    return isinstance(value, str) and len(value) <= TYPE_MAX and _LONE.search(value) is None


def _descriptors(document: dict[str, Any], name: str) -> tuple[Descriptor, ...]:
    listed = document.get(name)
    if not isinstance(listed, list):
        raise ManifestInvalid(f"{name} must be a list of descriptors")
    return tuple(_descriptor(item, f"{name}[{at}]") for at, item in enumerate(listed))


def _descriptor(item: Any, where: str) -> Descriptor:
    if not isinstance(item, dict):
        raise ManifestInvalid(f"{where} must be a descriptor object")
    media_type, size, urls = item.get("mediaType"), item.get("size"), item.get("urls")
    if not media_type or not _is_type(media_type):
        raise ManifestInvalid(f"{where}.mediaType must be a string of at most 255 characters")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < CONTENT_MAX:
        raise ManifestInvalid(f"{where}.size must be a number of bytes")
    try:
        digest = Digest.parse(str(item.get("digest")))
    except DigestInvalid as error:
        raise ManifestInvalid(f"{where}.digest: {error}") from None
    elsewhere = "nondistributable" in media_type or ".foreign." in media_type or bool(urls)
    return Descriptor(media_type, digest, size, elsewhere)
