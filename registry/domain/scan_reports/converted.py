"""SARIF, CycloneDX and SPDX: the scanner's own report, converted by the scanner.

What the scanner leaves out is added (`stamping`).
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from registry.domain.scan_reports.document import moment
from registry.domain.scan_reports.forms import Form
from registry.domain.scan_reports.stamping import Fact, NotThatForm, stamped
from registry.scanners.scanner import Format, ScanFailed
from registry.values.errors import Damaged, ParameterInvalid, ScanNotFound, Unavailable

if TYPE_CHECKING:
    from registry.domain.scan_reports.subject import Subject
    from registry.domain.scanning.findings import Finding
    from registry.domain.scanning.scans import ScanResult
    from registry.scanners.scanner import Scanner

AT_ONCE = 2
"""Conversions that one process does at a time: each is a process of the scanner's."""
WAIT_SECONDS = 30.0
_FORMATS = {Form.SARIF: Format.SARIF, Form.CYCLONEDX: Format.CYCLONEDX, Form.SPDX: Format.SPDX}


class Converter:
    """Converts, a few at a time."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    def converted(self, subject: Subject, form: Form) -> bytes:
        """The report in one of the scanner's forms.

        Raises ScanNotFound where nothing was scanned to the end, ParameterInvalid where an index
        has several SBOMs, Unavailable.
        """
        if form is Form.SARIF and subject.scan.platforms:
            return self._sarif(subject)
        subject = single(subject)
        return self._one(subject, form)

    def _sarif(self, subject: Subject) -> bytes:
        """One run for each platform of an index."""
        if not subject.scanned:
            raise _nothing(subject)
        found: dict[str, Any] = {}
        for each in subject.scanned:
            part = json.loads(self._one(subject.only(each.digest), Form.SARIF))
            for run in part["runs"]:
                run.setdefault("automationDetails", {"id": f"{each.name or each.digest}/"})
            found = {**part, "runs": [*found.get("runs", []), *part["runs"]]}
        return _dump(found)

    def _one(self, subject: Subject, form: Form) -> bytes:
        report = subject.scan.report
        if report is None:
            raise _nothing(subject)
        if form is Form.TRIVY:
            return report
        if not self._turns.acquire(timeout=WAIT_SECONDS):
            raise Unavailable("too many reports are being converted; try again")
        try:
            text = self._scanner.convert(report, _FORMATS[form])
        except ScanFailed as error:
            raise Unavailable(f"the report cannot be converted: {error}") from None
        finally:
            self._turns.release()
        return _dump(_stamped(text, form, subject.scan))


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


def _stamped(text: bytes, form: Form, scan: ScanResult) -> Any:
    """The document, with what each report is to tell of its scan and its findings."""
    state = scan.state
    told = {
        "scannedAt": moment(state.completed_at) or "",
        "scanner": f"{state.scanner} {state.scanner_version}",
        "databaseAt": moment(state.database_at) or "",
    }
    try:
        return stamped(text, form.value, told, [_fact(each) for each in scan.findings])
    except NotThatForm:
        raise Damaged(f"the scanner's {form.value} is not of that form") from None


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


def _dump(found: dict[str, Any]) -> bytes:
    return json.dumps(found, indent=2).encode() + b"\n"
