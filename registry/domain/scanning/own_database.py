"""A scanner that takes its databases from this registry, where it has them.

Source: Trivy documentation, "Self-Hosting Trivy's Databases".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from registry.domain.scanning.passes import USERNAME, Pass
from registry.domain.trivy_database import VULNERABILITIES
from registry.scanners.databases import Held
from registry.scanners.scanner import ScanFailed, ScannerMissing, Target
from registry.values.errors import ImageNotFound, MoorageError, RepositoryNotFound

if TYPE_CHECKING:
    from registry.domain.images import Images
    from registry.domain.repositories import Repositories
    from registry.domain.scanning.passes import Passes
    from registry.domain.scanning.worker import Address
    from registry.domain.trivy_database import Kind
    from registry.scanners.scanner import Format, ScannerVersion
    from registry.scanners.trivy import Trivy
    from registry.values.digest import Digest
    from registry.values.scope import Scope

_LIFETIME = timedelta(minutes=15)
_REFUSED_SECONDS = 600.0
"""How long an artifact that could not be fetched is let alone."""


class Shelf:
    """The place where databases of the registry's own are, if there are any."""

    def __init__(
        self,
        scope: Scope,
        repositories: Repositories,
        images: Images,
        passes: Passes,
        address: Address,
    ) -> None:
        self._scope = scope
        self._repositories = repositories
        self._images = images
        self._passes = passes
        self._address = address

    def digest(self, kind: Kind) -> Digest | None:
        """Of the database's artifact. Raises ScanFailed where it cannot be opened."""
        try:
            repository = self._repositories.get(self._scope, kind.repository)
            return self._images.get(repository, str(kind.version)).image.digest
        except (RepositoryNotFound, ImageNotFound):
            return None
        except MoorageError as error:
            text = f"{kind.repository}:{kind.version} cannot be opened: {error}"
            raise ScanFailed(text, again=True) from None

    def artifact(self, kind: Kind, digest: Digest) -> Target:
        """Where the database is, with a password for it alone."""
        password = self._passes.issue(Pass(self._scope, kind.repository, digest), _LIFETIME)
        reference = f"{self._address.host}/{kind.repository}@{digest}"
        return Target(reference, USERNAME, password, tls=self._address.tls)


class OwnDatabase:
    """A Scanner: Trivy, which looks here first for what it looks things up in."""

    def __init__(
        self,
        trivy: Trivy,
        shelf: Shelf,
        kinds: Sequence[Kind],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`kinds` are those for which no other place is set."""
        self._trivy = trivy
        self._shelf = shelf
        self._kinds = kinds
        self._clock = clock
        self._refused: dict[Kind, tuple[Digest, float]] = {}

    def version(self) -> ScannerVersion:
        """What is there. Raises ScannerMissing."""
        return self._trivy.version()

    def due(self) -> bool:
        """Whether the registry has a database that Trivy has not."""
        return any(self._awaits(kind) for kind in self._kinds)

    def update(self) -> None:
        """Get the newest databases: all, though one fails. Raises ScanFailed, of the first."""
        failed: list[ScanFailed] = []
        if VULNERABILITIES not in self._kinds:
            self._trivy.update()
        for kind in self._kinds:
            try:
                self._get(kind)
            except ScannerMissing:
                raise
            except ScanFailed as error:
                failed.append(error)
        if failed:
            raise failed[0]

    def scan(self, target: Target) -> bytes:
        """The report about an image. Raises ScanFailed, ScannerMissing."""
        return self._trivy.scan(target)

    def convert(self, report: bytes, form: Format) -> bytes:
        """The report in another form. Raises ScanFailed, ScannerMissing."""
        return self._trivy.convert(report, form)

    def stop(self) -> None:
        """End whatever runs."""
        self._trivy.stop()

    def _awaits(self, kind: Kind) -> bool:
        try:
            digest = self._shelf.digest(kind)
        except ScanFailed:
            return False  # told when it is to be got
        refused, until = self._refused.get(kind, (None, 0.0))
        if digest is None or (digest == refused and self._clock() < until):
            return False
        return self._trivy.source(_held(kind)) != str(digest)

    def _get(self, kind: Kind) -> None:
        digest = self._shelf.digest(kind)
        if digest is None:
            self._trivy.release(_held(kind))
            if kind is VULNERABILITIES:
                self._trivy.update()
            return
        try:
            artifact = self._shelf.artifact(kind, digest)
            self._trivy.fetch(_held(kind), artifact, str(digest))
        except ScannerMissing:
            raise
        except ScanFailed as error:
            self._refused[kind] = (digest, self._clock() + _REFUSED_SECONDS)
            text = f"{kind.repository}:{kind.version} cannot be taken: {error}"
            raise ScanFailed(text, again=True) from None


def _held(kind: Kind) -> Held:
    return Held.VULNERABILITIES if kind is VULNERABILITIES else Held.JAVA
