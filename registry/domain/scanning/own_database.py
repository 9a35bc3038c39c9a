"""A scanner that takes its vulnerability database from this registry, where it has one.

Source: Trivy documentation, "Self-Hosting Trivy's Databases".
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from registry.domain.scanning.passes import USERNAME, Pass
from registry.domain.trivy_database import VULNERABILITIES
from registry.scanners.scanner import Target
from registry.values.errors import ImageNotFound, RepositoryNotFound

if TYPE_CHECKING:
    from registry.domain.images import Images
    from registry.domain.repositories import Repositories
    from registry.domain.scanning.passes import Passes
    from registry.domain.scanning.worker import Address
    from registry.scanners.scanner import Format, ScannerVersion
    from registry.scanners.trivy import Trivy
    from registry.values.digest import Digest
    from registry.values.scope import Scope

_LIFETIME = timedelta(minutes=15)


class Shelf:
    """The place where a database of the registry's own is, if there is one."""

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

    def source(self) -> Target | None:
        """The database with a password for it alone. Raises KeyUnavailable."""
        name = VULNERABILITIES.repository
        digest = self._digest(name)
        if digest is None:
            return None
        password = self._passes.issue(Pass(self._scope, name, digest), _LIFETIME)
        reference = f"{self._address.host}/{name}@{digest}"
        return Target(reference, USERNAME, password, tls=self._address.tls)

    def _digest(self, name: str) -> Digest | None:
        try:
            repository = self._repositories.get(self._scope, name)
            return self._images.get(repository, str(VULNERABILITIES.version)).image.digest
        except (RepositoryNotFound, ImageNotFound):
            return None


class OwnDatabase:
    """A Scanner: Trivy, which looks here first for what it looks things up in."""

    def __init__(self, trivy: Trivy, shelf: Shelf) -> None:
        self._trivy = trivy
        self._shelf = shelf

    def version(self) -> ScannerVersion:
        """What is there. Raises ScannerMissing."""
        return self._trivy.version()

    def update(self) -> None:
        """Get the newest database. Raises ScanFailed, KeyUnavailable."""
        source = self._shelf.source()
        if source is None:
            self._trivy.update()
        else:
            self._trivy.fetch(source)

    def scan(self, target: Target) -> bytes:
        """The report about an image. Raises ScanFailed, ScannerMissing."""
        return self._trivy.scan(target)

    def convert(self, report: bytes, form: Format) -> bytes:
        """The report in another form. Raises ScanFailed, ScannerMissing."""
        return self._trivy.convert(report, form)

    def stop(self) -> None:
        """End whatever runs."""
        self._trivy.stop()
