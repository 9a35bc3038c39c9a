"""Which upgrades mend what was found: what a reader can do first, and how much it helps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from registry.domain.scanning.findings import Finding, counted
from registry.domain.scanning.states import SEVERITIES

_PARTS = re.compile(r"\d+|[A-Za-z]+|~")


@dataclass(frozen=True, slots=True)
class Remedy:
    """One upgrade."""

    package: str
    version: str
    target: str
    """The lowest version in which everything that can be mended is."""
    manager: str
    path: str
    findings: tuple[Finding, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many findings of each severity it mends."""
        return counted(self.findings)

    @property
    def rank(self) -> tuple[object, ...]:
        """To sort by: what mends the worst first, and of these what mends most."""
        counts = self.counts
        return (*(-counts.get(name, 0) for name in SEVERITIES), self.package, self.version)


def remedies(findings: Iterable[Finding]) -> list[Remedy]:
    """All upgrades, the most useful first."""
    groups: dict[tuple[str, str, str, str], list[Finding]] = {}
    for each in findings:
        if each.fixed:
            key = each.package, each.version, each.manager, each.path
            groups.setdefault(key, []).append(each)
    found = [
        Remedy(package, version, _target(version, group), manager, path, tuple(group))
        for (package, version, manager, path), group in groups.items()
    ]
    return sorted(found, key=lambda each: each.rank)


def _target(version: str, findings: Sequence[Finding]) -> str:
    """The version that mends all of these: of each finding the lowest of its fixed versions that
    is above the installed one, and of these the highest.
    """
    return max((_fix(version, each.fixed or "") for each in findings), key=order)


def _fix(version: str, fixed: str) -> str:
    choices = sorted((part.strip() for part in fixed.split(",") if part.strip()), key=order)
    above = [each for each in choices if order(each) > order(version)]
    return (above or choices or [""])[0]


def order(version: str) -> tuple[tuple[int, int, str], ...]:
    """A key by which versions sort nearly as each ecosystem sorts them.

    Numbers by value, behind letters, and `~` (Debian's pre-releases) before everything. It only
    chooses which of the scanner's own versions to show.
    """
    epoch, colon, rest = version.partition(":")
    number = int(epoch) if colon and epoch.isdecimal() else 0
    found: list[tuple[int, int, str]] = [(4, number, "")]
    for part in _PARTS.findall(rest if colon and epoch.isdecimal() else version):
        if part == "~":
            found.append((0, 0, ""))
        elif part.isdecimal():
            found.append((3, int(part[:100]), ""))
        else:
            found.append((1, 0, part))
    return (*found, (2, 0, ""))
