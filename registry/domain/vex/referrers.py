"""VEX documents that are attached to images, in the forms in which others attach them.

A referrer under its own media type, an in-toto statement as a referrer (bare, signed, or in a
sigstore bundle), or cosign's tag `sha256-<hex>.att`.

Source: Trivy documentation, "Discover VEX Attestation in OCI Registry"; cosign `attest`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import images, tags
from registry.domain.scanning.settings import SIGNED, ScanSettings
from registry.domain.storage_class import ACTIVE
from registry.domain.vex.attested import IN_TOTO, Opened, open_layer
from registry.domain.vex.documents import SIZE_MAX, Library
from registry.domain.vex.reading import VexInvalid
from registry.values.digest import Digest
from registry.values.errors import (
    BlobNotFound,
    Damaged,
    DigestInvalid,
    ImageNotFound,
    KeyNotFound,
    KeyUnavailable,
)

if TYPE_CHECKING:
    from registry.domain.blobs import Blob, Blobs
    from registry.domain.gates.keys import PublicKey
    from registry.domain.gates.signatures import Signatures
    from registry.domain.images import Images, Stored
    from registry.domain.repositories import Repository
    from registry.domain.vex.statements import Document

ARTIFACT_TYPES = (
    "application/vnd.openvex+json",
    "application/vnd.cyclonedx+json",
    IN_TOTO,
    "application/vnd.dev.sigstore.bundle.v0.3+json",
)
OWN = "moorage.scanned-at"
"""Annotation of reports that this server attaches: they repeat what was said, and say nothing."""
TRIED_MAX = 50
"""Newest referrers of one image that are looked at, and layers of each."""
_ENVELOPE_MAX = 2 * SIZE_MAX
_NOTHING = (ImageNotFound, BlobNotFound, Damaged, KeyNotFound, KeyUnavailable)


@dataclass(frozen=True, slots=True)
class Attached:
    """One that was found."""

    digest: str
    """Of the referrer."""
    document: Document | None
    """Read; None where it is not heeded."""
    reason: str = ""
    """Why it is not."""


class VexReferrers:
    """Looks for them."""

    def __init__(
        self, images_: Images, blobs: Blobs, signatures: Signatures, library: Library
    ) -> None:
        self._library = library
        self._images = images_
        self._blobs = blobs
        self._signatures = signatures

    def of(
        self,
        repository: Repository,
        digests: Collection[str],
        candidates: Sequence[str],
        settings: ScanSettings,
    ) -> Iterator[Attached]:
        """Those among the candidates that hold VEX, and whether they count.

        What cannot be opened says nothing: a gate that it may open stays closed.
        """
        keys = settings.keys
        for name in candidates:
            try:
                stored = self._images.get(repository, Digest.parse(name))
            except _NOTHING:
                continue
            manifest = json.loads(stored.content)
            if OWN in (manifest.get("annotations") or {}):
                continue
            for layer in self._layers(repository, manifest):
                opened = open_layer(layer, keys, digests)
                if opened is not None:
                    yield from self._read(repository, stored, opened, settings, keys)

    def _read(
        self,
        repository: Repository,
        stored: Stored,
        opened: Opened,
        settings: ScanSettings,
        keys: Sequence[PublicKey],
    ) -> Iterator[Attached]:
        name = str(stored.image.digest)
        signed = settings.vex_referrers != SIGNED or opened.signed
        if not signed and not self._signed(repository, stored, keys):
            yield Attached(name, None, "no signature of it verifies with one of the keys")
            return
        text = opened.document
        digest = str(Digest.of(text.encode()))
        try:
            yield Attached(name, self._library.get(digest, f"the referrer {name}", lambda: text))
        except VexInvalid as error:
            yield Attached(name, None, str(error))

    def _signed(self, repository: Repository, stored: Stored, keys: Sequence[PublicKey]) -> bool:
        """Whether somebody signed the referrer as what it is.

        Managed signing signs what anybody pushes, unless it has a subject: so what has none, or
        is only listed by what is signed, is not signed by that.
        """
        digest = stored.image.digest
        return stored.image.subject is not None and self._signatures.signed(
            repository, digest, keys, by_index=False
        )

    def _layers(self, repository: Repository, manifest: dict[str, Any]) -> Iterator[bytes]:
        layers = manifest.get("layers")
        for layer in layers[:TRIED_MAX] if isinstance(layers, list) else ():
            try:
                blob = self._blobs.get(repository, Digest.parse(layer["digest"]))
                content = self._content(repository, blob)
            except (*_NOTHING, DigestInvalid, KeyError, TypeError):
                continue
            yield content

    def _content(self, repository: Repository, blob: Blob) -> bytes:
        if blob.size > _ENVELOPE_MAX:
            return b""
        return b"".join(self._blobs.open(repository, blob))


def candidates(
    connection: sa.Connection, repository: Repository, digests: Collection[str]
) -> list[str]:
    """Digests of what may hold VEX about the images, the newest first."""
    referrers = (
        sa.select(images.c.digest)
        .where(
            images.c.repository_id == repository.id,
            images.c.subject.in_(digests),
            images.c.artifact_type.in_(ARTIFACT_TYPES),
            images.c.status == ACTIVE,
        )
        .order_by(images.c.id.desc())
        .limit(TRIED_MAX)
    )
    names = [f"{each.replace(':', '-')}.att" for each in digests]
    tagged = (
        sa.select(images.c.digest)
        .join(tags, tags.c.image_id == images.c.id)
        .where(tags.c.repository_id == repository.id, tags.c.name.in_(names))
    )
    found = [
        *connection.execute(referrers).scalars(),
        *connection.execute(tagged).scalars(),
    ]
    return list(dict.fromkeys(found))
