"""Which repositories are scanned, and when.

Source: ECR API reference, PutRegistryScanningConfiguration; ECR User Guide, "Using filters". A
repository that asks for scans on push has them whatever the registry's rules are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registry.domain.repositories import Repository

BASIC, ENHANCED = "BASIC", "ENHANCED"
CONTINUOUS, ON_PUSH, MANUAL = "CONTINUOUS_SCAN", "SCAN_ON_PUSH", "MANUAL"
FREQUENCIES = {BASIC: (ON_PUSH, MANUAL), ENHANCED: (CONTINUOUS, ON_PUSH)}
_ORDER = (CONTINUOUS, ON_PUSH, MANUAL)
"""Of several rules that name a repository, the most eager one counts."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """ECR's RegistryScanningConfiguration, by its names."""

    scanType: str  # noqa: N815 - the model's name
    rules: Sequence[Mapping[str, Any]]

    @property
    def enhanced(self) -> bool:
        """Whether scans are of the enhanced kind."""
        return self.scanType == ENHANCED


DEFAULT = Configuration(BASIC, ())


def frequency(configuration: Configuration, repository: Repository) -> str:
    """When images of the repository are scanned."""
    found = [ON_PUSH if repository.scan_on_push else MANUAL]
    found += [rule["scanFrequency"] for rule in configuration.rules if filters(rule, repository)]
    return min(found, key=_ORDER.index)


def filters(rule: Mapping[str, Any], repository: Repository) -> list[Mapping[str, str]]:
    """The filters of a rule that name the repository."""
    return [each for each in rule["repositoryFilters"] if matches(each["filter"], repository.name)]


def matches(pattern: str, name: str) -> bool:
    """Whether a filter names a repository: `*` stands for anything; without one, any name that
    contains the filter.
    """
    if "*" not in pattern:
        return pattern in name
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) is not None
