"""A scanner's report as it is kept: read in a process of its own, as it may be hostile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from registry.domain.scanning.findings import (
    Finding,
    ReportInvalid,
    anonymous_document,
    counted,
    dump,
    findings_in,
    load,
    observed,
    report_document,
)
from registry.scanners.apart import ApartFailed, ApartRefused
from registry.scanners.scanner import ScanFailed

if TYPE_CHECKING:
    from registry.scanners.apart import Apart

FINDINGS_MAX = 20_000
"""Findings of one image that are kept: the worst."""
DUMP_MAX = 16 << 20
"""Bytes of them, as they are read again for each answer; texts go first, then the least of them."""
_HERE = "registry.domain.scanning.reading:read_apart"


@dataclass(frozen=True, slots=True)
class Read:
    """What a report says."""

    counts: Mapping[str, int]
    """Of all findings, by severity."""
    known: bool
    """Whether the scanner knew anything in the image at all."""
    kept: int
    """How many findings are kept: the worst."""
    findings: bytes
    """These, as `findings.dump` writes them."""
    report: bytes
    """Without the name by which the scanner knew the image."""

    @property
    def note(self) -> str:
        """What to tell beside; empty where everything is kept."""
        total = sum(self.counts.values())
        return f" The worst {self.kept:,} of {total:,} are kept." if self.kept < total else ""


class Reader:
    """Reads reports."""

    def __init__(self, apart: Apart) -> None:
        self._apart = apart

    def read(self, report: bytes, before: bytes, moment: datetime) -> Read:
        """The report of a scan at that moment; `before` are the findings of the last one.

        Raises ScanFailed.
        """
        try:
            told, (findings, kept) = self._apart(
                _HERE, {"moment": moment.isoformat()}, report, before
            )
        except ApartRefused:
            raise ScanFailed("The scanner wrote something that is no report.", again=True) from None
        except ApartFailed as error:
            text = f"The scanner's report cannot be read: {error}."
            raise ScanFailed(text, again=False) from None
        return Read(told["counts"], told["known"], told["kept"], findings, kept)

    def stop(self) -> None:
        """End whatever runs."""
        self._apart.stop()


def read_apart(
    given: Mapping[str, Any], report: bytes, before: bytes
) -> tuple[Mapping[str, Any], Sequence[bytes]]:
    """The other side of it. Raises ApartRefused."""
    try:
        document = report_document(report)
    except ReportInvalid as error:
        raise ApartRefused(str(error)) from None
    found = observed(findings_in(document), load(before), datetime.fromisoformat(given["moment"]))
    kept, text = _bounded(found)
    told = {"counts": counted(found), "known": "Results" in document, "kept": len(kept)}
    return told, [text, anonymous_document(document)]


def _bounded(found: list[Finding]) -> tuple[list[Finding], bytes]:
    """The worst of them, in so many bytes at most."""
    kept = found[:FINDINGS_MAX]
    text = dump(kept)
    if len(text) <= DUMP_MAX:
        return kept, text
    kept = [replace(each, description="", references=(), cvss=each.cvss[:2]) for each in kept]
    text = dump(kept)
    while len(text) > DUMP_MAX:
        kept = kept[: len(kept) * DUMP_MAX // len(text)]
        text = dump(kept)
    return kept, text
