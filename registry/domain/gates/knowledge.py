"""What is known of an image, as gates ask for it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from registry.domain.gates.weighing import Flaw, Known
from registry.values.digest import Digest
from registry.values.errors import ImageNotFound
from registry.values.manifest import Manifest, parse

if TYPE_CHECKING:
    from datetime import datetime

    from registry.domain.gates.signatures import Signatures
    from registry.domain.images import Image, Images, Stored
    from registry.domain.repositories import Repository
    from registry.domain.scanning.scans import Scans, ScanState

OPENED_MAX = 64
"""Images whose findings are kept in memory, by the scan that found them."""
FLAWS_MAX = 5000
"""More findings than these of one image are not kept."""

_LAYERS = ("application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs.")
_CONFIGS = (
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)


def runnable(manifest: Manifest) -> bool:
    """Whether it has a layer that a container engine would unpack.

    Told by layers and config alone: engines pass over an `artifactType`, so it may not lead
    around a gate. Signatures, SBOMs, attestations (whose layers are JSON) and charts have none.
    """
    kinds = [each.media_type for each in manifest.layers]
    image = manifest.config is not None and manifest.config.media_type in _CONFIGS
    return any(kind.startswith(_LAYERS) or (image and not kind.endswith("json")) for kind in kinds)


class Knowledge:
    """Looks it up."""

    def __init__(self, images: Images, scans: Scans, signatures: Signatures) -> None:
        self._signatures = signatures
        self._images = images
        self._scans = scans
        self._opened: OrderedDict[tuple[int, datetime, str], tuple[Flaw, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, repository: Repository, image: Image) -> Known:
        """What is known of an image. What `flaws` raises: Damaged, KeyUnavailable."""
        state = self._scans.state(repository, image.digest)
        return Known(
            digest=str(image.digest),
            pushed_at=image.pushed_at,
            scan=state,
            flaws=lambda: self._flaws(repository, image.digest, state),
            signed=lambda keys: self._signatures.signed(repository, image.digest, keys),
        )

    def manifest(self, stored: Stored) -> Manifest:
        """An image's manifest, read."""
        return parse(stored.content, stored.image.media_type)

    def held(self, repository: Repository, index: Manifest) -> list[Stored]:
        """What an index lists, as far as the repository holds it."""
        found = []
        for each in dict.fromkeys(part.digest for part in index.manifests):
            stored = self.stored(repository, each)
            if stored is not None:
                found.append(stored)
        return found

    def stored(self, repository: Repository, reference: Digest | str) -> Stored | None:
        """The image, if the repository holds it."""
        try:
            return self._images.get(repository, reference)
        except ImageNotFound:
            return None

    def _flaws(
        self, repository: Repository, digest: Digest, state: ScanState | None
    ) -> tuple[Flaw, ...]:
        if state is None or state.completed_at is None:
            return ()
        key = (state.image_id, state.completed_at, self._scans.said(repository, digest))
        with self._lock:
            if key in self._opened:
                self._opened.move_to_end(key)
                return self._opened[key]
        found = self._read(repository, digest)
        with self._lock:
            if len(found) <= FLAWS_MAX:
                self._opened[key] = found
            while len(self._opened) > OPENED_MAX:
                self._opened.popitem(last=False)
        return found

    def _read(self, repository: Repository, digest: Digest) -> tuple[Flaw, ...]:
        result = self._scans.report(repository, digest, raw=False)
        return tuple(
            Flaw(
                vulnerability=each.id[:128],
                package=each.package[:128],
                version=each.version[:128],
                fixed=each.fixed[:128] if each.fixed else None,
                severity=each.severity,
                since=each.first_observed,
            )
            for each in (result.findings if result is not None else ())
            if not each.suppressed
        )
