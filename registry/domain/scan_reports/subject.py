"""Whose scan a report tells of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.values.errors import ParameterInvalid, ScanNotFound

if TYPE_CHECKING:
    from registry.domain.scanning.scans import Platform, ScanResult
    from registry.values.scope import Scope


@dataclass(frozen=True, slots=True)
class Subject:
    """An image with its scan, or all platforms of an index with theirs."""

    scope: Scope
    repository: str
    digest: str
    tags: tuple[str, ...]
    scan: ScanResult
    platform: str = ""
    """The one that was chosen from an index; empty for all, and for an image that is none."""

    @property
    def name(self) -> str:
        """What people call it: by its first tag, or by its digest."""
        return f"{self.repository}:{self.tags[0]}" if self.tags else self.repository

    @property
    def scanned(self) -> tuple[Platform, ...]:
        """Platforms of an index that have a scanner's report."""
        return tuple(
            each for each in self.scan.platforms if each.result is not None and each.result.report
        )

    def only(self, platform: str) -> Subject:
        """One platform of an index, by name or digest. Raises ParameterInvalid, ScanNotFound."""
        if not self.scan.platforms:
            raise ParameterInvalid("platform: the image is no index")
        for each in self.scan.platforms:
            if platform in {each.name, each.digest}:
                if each.result is None:
                    raise ScanNotFound(f"Image scan does not exist for the platform '{platform}'")
                return Subject(
                    self.scope,
                    self.repository,
                    each.digest,
                    self.tags,
                    each.result,
                    each.name or each.digest,
                )
        known = ", ".join(each.name or each.digest for each in self.scan.platforms)
        raise ParameterInvalid(f"platform: the index lists no such platform; it has {known}")
