"""SARIF, CycloneDX and SPDX: the scanner's own report, converted by the scanner.

What the scanner leaves out is added (`stamping`).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from registry.domain.scan_reports.apart import WRITE
from registry.domain.scan_reports.document import moment
from registry.domain.scan_reports.forms import Form
from registry.domain.scan_reports.stamping import Fact
from registry.scanners.apart import ApartFailed, ApartRefused
from registry.scanners.scanner import Format, ScanFailed
from registry.values.errors import Damaged, ParameterInvalid, ScanNotFound, Unavailable

if TYPE_CHECKING:
    from registry.domain.scan_reports.subject import Subject
    from registry.domain.scanning.findings import Finding
    from registry.domain.scanning.scans import ScanState
    from registry.scanners.apart import Apart
    from registry.scanners.scanner import Scanner

AT_ONCE = 2
"""Conversions that one process does at a time: each is a process of the scanner's."""
WAIT_SECONDS = 30.0
_FORMATS = {Form.SARIF: Format.SARIF, Form.CYCLONEDX: Format.CYCLONEDX, Form.SPDX: Format.SPDX}


@dataclass(frozen=True, slots=True)
class Converted:
    """A report in one of the scanner's forms."""

    content: bytes
    fingerprint: str
    """The same for reports that say the same, whenever they were made; empty for Trivy's own."""


class Converter:
    """Converts, a few at a time."""

    def __init__(self, scanner: Scanner, apart: Apart) -> None:
        self._scanner = scanner
        self._apart = apart
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    def converted(self, subject: Subject, form: Form) -> Converted:
        """The report in one of the scanner's forms.

        Raises ScanNotFound where nothing was scanned to the end, ParameterInvalid where an index
        has several SBOMs, Unavailable, Damaged.
        """
        parts = list(_parts(subject, form))
        report = parts[0].scan.report
        if form is Form.TRIVY and report is not None:
            return Converted(report, "")
        if not self._turns.acquire(timeout=WAIT_SECONDS):
            raise Unavailable("too many reports are being converted; try again")
        try:
            return self._written(parts, form)
        except (ScanFailed, ApartFailed) as error:
            raise Unavailable(f"the report cannot be converted: {error}") from None
        except ApartRefused:
            raise Damaged(f"the scanner's {form.value} is not of that form") from None
        finally:
            self._turns.release()

    def _written(self, parts: Sequence[Subject], form: Form) -> Converted:
        pieces, told = [], []
        for each in parts:
            assert each.scan.report is not None  # noqa: S101 - selected so
            facts = [_fact(finding).plain() for finding in each.scan.findings]
            text = self._scanner.convert(each.scan.report, _FORMATS[form])
            pieces += [text, json.dumps(facts).encode()]
            name = each.platform if form is Form.SARIF else ""
            told.append({"name": name, "told": _told(each.scan.state)})
        found, (content,) = self._apart(WRITE, {"form": form.value, "parts": told}, *pieces)
        return Converted(content, found["fingerprint"])


def _parts(subject: Subject, form: Form) -> Iterator[Subject]:
    """What is converted: one image, or for SARIF each platform of an index."""
    if form is Form.SARIF and subject.scan.platforms:
        for each in subject.scanned:
            yield subject.only(each.digest)
        if not subject.scanned:
            raise _nothing(subject)
        return
    one = single(subject)
    if one.scan.report is None:
        raise _nothing(one)
    yield replace(one, platform="")


def single(subject: Subject) -> Subject:
    """The image, or the only platform of an index that was scanned.

    Raises ScanNotFound where none was, ParameterInvalid where one must be chosen.
    """
    if not subject.scan.platforms:
        return subject
    if len(subject.scanned) == 1:
        return subject.only(subject.scanned[0].digest)
    if not subject.scanned:
        raise _nothing(subject)
    names = ", ".join(each.name or each.digest for each in subject.scanned)
    raise ParameterInvalid(f"the index has one of these for each platform; choose of {names}")


def _nothing(subject: Subject) -> ScanNotFound:
    state = subject.scan.state
    return ScanNotFound(
        f"The image {subject.repository}@{subject.digest} has no report yet:"
        f" its scan is {state.status}. {state.description}"
    )


def _told(state: ScanState) -> dict[str, str]:
    """What each report is to tell of its scan."""
    return {
        "scannedAt": moment(state.completed_at) or "",
        "scanner": f"{state.scanner} {state.scanner_version}",
        "databaseAt": moment(state.database_at) or "",
    }


def _fact(finding: Finding) -> Fact:
    return Fact(
        id=finding.id,
        package=finding.package,
        version=finding.version,
        path=finding.path,
        purl=finding.purl,
        url=finding.url,
        severity=finding.severity,
        source=finding.source or finding.severity_source,
        first_observed=moment(finding.first_observed) or "",
        epss=finding.epss,
        verdict=finding.verdict,
    )
