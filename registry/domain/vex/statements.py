"""What a VEX document says, and of which findings it is said.

Source: OpenVEX specification 0.2.0, "Statements" and "Product Matching"; purl-spec, type `oci`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from registry.domain.vex import purls

if TYPE_CHECKING:
    from registry.domain.scanning.findings import Finding
    from registry.domain.scanning.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Names:
    """By what an image is known."""

    repository: str
    digests: frozenset[str]
    """Its own, and those of the indexes that list it."""


@dataclass(frozen=True, slots=True)
class Product:
    """An image, with some of its packages or all; or a package wherever it is."""

    purl: purls.Purl | None
    digest: str
    """Of an image that is named by that alone."""
    parts: tuple[purls.Purl, ...] = ()
    """Packages of the image; none: all."""

    def covers(self, image: Names, package: purls.Purl | None) -> bool:
        """Whether it is that package of that image."""
        if not self._is_image:
            return package is not None and self.purl is not None and self.purl.covers(package)
        if not self._covers_image(image):
            return False
        if not self.parts:
            return True
        return package is not None and any(part.covers(package) for part in self.parts)

    @property
    def _is_image(self) -> bool:
        return self.purl is None or self.purl.kind == "oci"

    def _covers_image(self, image: Names) -> bool:
        """By digest; or by repository, for all images in it."""
        if self.purl is None:
            return self.digest in image.digests
        if self.purl.version:
            return self.purl.version in image.digests
        if self.purl.name != image.repository.rpartition("/")[2]:
            return False
        url = dict(self.purl.qualifiers).get("repository_url")
        return url is None or _path(url) == image.repository


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement."""

    vulnerabilities: frozenset[str]
    """All names that it has."""
    products: tuple[Product, ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Document:
    """One document, read."""

    form: str
    """`openvex`, `cyclonedx` or `csaf`."""
    id: str
    author: str
    statements: tuple[Statement, ...]

    def of(self, source: str) -> Document:
        """The same, with where it is from."""
        told = [
            replace(each, verdict=replace(each.verdict, source=source)) for each in self.statements
        ]
        return replace(self, statements=tuple(told))


def judged(
    findings: Iterable[Finding], statements: Sequence[Statement], image: Names
) -> list[Finding]:
    """The findings, each with what is said of it; those that count first, the worst of them first.

    Of several statements the latest counts; of those made at once the one that suppresses less.
    """
    known: dict[str, list[Statement]] = {}
    for each in statements:
        for name in each.vulnerabilities:
            known.setdefault(name, []).append(each)
    found = [_judged(each, known, image) for each in findings]
    return sorted(found, key=lambda each: each.rank)


def _judged(finding: Finding, known: Mapping[str, list[Statement]], image: Names) -> Finding:
    candidates = known.get(finding.id, ())
    if not candidates:
        return finding
    package = _package(finding)
    said = [
        each.verdict
        for each in candidates
        if any(product.covers(image, package) for product in each.products)
    ]
    if not said:
        return finding
    return replace(finding, verdict=max(said, key=_weight))


def _weight(verdict: Verdict) -> tuple[object, ...]:
    """The order in which documents are read says nothing."""
    return verdict.at, not verdict.suppresses, verdict.status, verdict.words, verdict.source


def _package(finding: Finding) -> purls.Purl | None:
    try:
        return purls.parse(finding.purl)
    except ValueError:
        return None


def _path(url: str) -> str:
    """The repository in `host/team/app`."""
    return url.partition("://")[2].partition("/")[2] if "://" in url else url.partition("/")[2]
