"""What a gate says of what is known of an image, at a moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.domain.scanning.states import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from registry.domain.gates.gate import Gate
    from registry.domain.gates.keys import PublicKey
    from registry.domain.scanning.scans import ScanState

NAMED = 3
"""Findings that a refusal names; it tells how many there are."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """A finding, as far as gates ask."""

    vulnerability: str
    package: str
    version: str
    fixed: str | None
    severity: str
    since: datetime | None
    """When a scan of the image first found it."""

    def __str__(self) -> str:
        mended = f"fixed in {self.fixed}" if self.fixed else "no fix"
        return f"{self.vulnerability} ({self.severity}, {self.package} {self.version}, {mended})"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one image; what takes long is only asked where it matters."""

    digest: str
    pushed_at: datetime
    scan: ScanState | None
    flaws: Callable[[], Sequence[Flaw]]
    signed: Callable[[Sequence[PublicKey]], bool]
    """Whether it is signed, with one of the keys where there are any."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a gate refuses an image."""

    gate: str
    dry_run: bool
    rule: str
    """`findings`, `unscanned`, `unsigned`."""
    digest: str
    reason: str
    flaws: tuple[Flaw, ...] = ()
    """All that refuse, the worst first."""

    @property
    def message(self) -> str:
        """For the person who is refused."""
        return f"image {self.digest} is refused by the gate '{self.gate}': {self.reason}"

    @property
    def detail(self) -> dict[str, object]:
        """For programs."""
        return {
            "gate": self.gate,
            "rule": self.rule,
            "imageDigest": self.digest,
            "findingCount": len(self.flaws),
            "findings": [each.vulnerability for each in self.flaws[:NAMED]],
        }


def weigh(gate: Gate, known: Known, moment: datetime) -> Refusal | None:
    """The gate's refusal, if it refuses the image at that moment."""
    if gate.from_push and moment < known.pushed_at + gate.grace:
        return None
    if gate.unscanned and (known.scan is None or known.scan.completed_at is None):
        return _refusal(gate, known, "unscanned", _unscanned(known.scan))
    if found := _refusing(gate, known, moment):
        return _refusal(gate, known, "findings", _told(gate, found), tuple(found))
    if gate.unsigned and not known.signed(gate.keys):
        verifies = " that verifies" if gate.keys else ""
        reason = f"no signature of it{verifies} lies in its repository"
        return _refusal(gate, known, "unsigned", reason)
    return None


def _refusal(
    gate: Gate, known: Known, rule: str, reason: str, flaws: tuple[Flaw, ...] = ()
) -> Refusal:
    return Refusal(gate.name, gate.dry_run, rule, known.digest, reason, flaws)


def _refusing(gate: Gate, known: Known, moment: datetime) -> list[Flaw]:
    scan = known.scan
    # What is suppressed is judged with the findings: the counts may be those of a second ago.
    if scan is None or not any(
        scan.counts.get(each) or scan.suppressed.get(each) for each in gate.severities
    ):
        return []
    found = [each for each in known.flaws() if _refuses(gate, each, moment)]
    return sorted(found, key=lambda each: (SEVERITIES.index(each.severity), each.vulnerability))


def _refuses(gate: Gate, flaw: Flaw, moment: datetime) -> bool:
    if flaw.severity not in gate.severities or (gate.fixable_only and not flaw.fixed):
        return False
    if gate.waived(flaw.vulnerability, moment):
        return False
    # Findings of unknown age have no grace.
    return gate.from_push or flaw.since is None or flaw.since + gate.grace <= moment


def _unscanned(scan: ScanState | None) -> str:
    if scan is None:
        return "it was never scanned"
    return f"no scan of it was completed; it is {scan.status}: {scan.description}"


def _told(gate: Gate, found: Sequence[Flaw]) -> str:
    noun = "finding" if len(found) == 1 else "findings"
    least = gate.severity if gate.severity == SEVERITIES[0] else f"{gate.severity} or over"
    fixable = " that can be fixed" if gate.fixable_only else ""
    named = ", ".join(str(each) for each in found[:NAMED])
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return f"{len(found)} {noun} of {least}{fixable}: {named}{more}"
