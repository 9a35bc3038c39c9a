"""The scanner's own forms, with what it leaves out."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, replace
from typing import Any

import pytest

from registry.domain.scan_reports import converted
from registry.domain.scan_reports.converted import Converter
from registry.domain.scan_reports.forms import Form
from registry.domain.scanning.scans import Platform
from registry.scanners.scanner import Format, ScanFailed, Scanner
from registry.values.errors import Damaged, ParameterInvalid, ScanNotFound, Unavailable
from tests.domain.scan_reports.scanned import JINJA, result, subject
from tests.domain.scanning.reports import vulnerability

TOLD = {
    "scannedAt": "2026-11-23T01:02:03Z",
    "scanner": "trivy 0.70.0",
    "databaseAt": "2026-11-22T12:00:00Z",
}
AMD = Platform("sha256:" + "1" * 64, "linux/amd64", result(vulnerability()))
ARM = Platform("sha256:" + "2" * 64, "linux/arm64", result(JINJA))
NONE = Platform("sha256:" + "3" * 64, "linux/386", None)
INDEX = subject(result(vulnerability()), AMD, ARM, NONE)


@dataclass
class Fake:
    """Converts into the least that each form is."""

    error: Exception | None = None
    answer: bytes | None = None

    def convert(self, report: bytes, form: Format) -> bytes:
        if self.error is not None:
            raise self.error
        if self.answer is not None:
            return self.answer
        (found,) = json.loads(report)["Results"]
        documents: dict[Format, Any] = {
            Format.SARIF: {"version": "2.1.0", "runs": [{"results": found["Vulnerabilities"]}]},
            Format.CYCLONEDX: {"bomFormat": "CycloneDX", "metadata": {}},
            Format.SPDX: {"spdxVersion": "SPDX-2.3", "creationInfo": {}},
        }
        return json.dumps(documents[form]).encode()


def converter(**given: Any) -> Converter:
    scanner: Any = Fake(**given)
    made: Scanner = scanner
    return Converter(made)


def test_each_tells_of_its_scan() -> None:
    image = subject(result(vulnerability()))
    sarif = json.loads(converter().converted(image, Form.SARIF))
    assert sarif["runs"][0]["properties"] == TOLD
    bom = json.loads(converter().converted(image, Form.CYCLONEDX))
    assert {each["name"]: each["value"] for each in bom["metadata"]["properties"]} == {
        f"moorage:{name}": value for name, value in TOLD.items()
    }
    spdx = json.loads(converter().converted(image, Form.SPDX))
    assert all(value in spdx["creationInfo"]["comment"] for value in TOLD.values())
    assert converter().converted(image, Form.TRIVY) == image.scan.report


def test_an_index_has_a_run_for_each_platform() -> None:
    sarif = json.loads(converter().converted(INDEX, Form.SARIF))
    assert [run["automationDetails"]["id"] for run in sarif["runs"]] == [
        "linux/amd64/", "linux/arm64/",
    ]  # fmt: skip
    assert [run["results"][0]["PkgName"] for run in sarif["runs"]] == ["PyYAML", "Jinja2"]


@pytest.mark.parametrize("form", [Form.CYCLONEDX, Form.SPDX, Form.TRIVY])
def test_an_index_has_an_sbom_for_each_platform(form: Form) -> None:
    with pytest.raises(ParameterInvalid, match=r"choose of linux/amd64, linux/arm64$"):
        converter().converted(INDEX, form)
    assert converter().converted(INDEX.only("linux/arm64"), form)
    assert converter().converted(subject(INDEX.scan, AMD, NONE), form)
    with pytest.raises(ScanNotFound, match="linux/386"):
        INDEX.only("linux/386")
    with pytest.raises(ParameterInvalid, match="no such platform; it has linux/amd64"):
        INDEX.only("plan9")
    assert INDEX.only(ARM.digest).digest == ARM.digest


def test_where_nothing_was_scanned_yet() -> None:
    waiting = replace(result(status="PENDING", completed_at=None), report=None)
    for each in (subject(waiting), subject(waiting, NONE)):
        for form in (Form.SARIF, Form.SPDX):
            with pytest.raises(ScanNotFound, match=r"its scan is PENDING\. As told"):
                converter().converted(each, form)


def test_a_scanner_that_goes_wrong() -> None:
    image = subject(result(vulnerability()))
    with pytest.raises(Unavailable, match="cannot be converted: no scanner"):
        converter(error=ScanFailed("no scanner", again=True)).converted(image, Form.SARIF)
    for answer in (b"rubbish", b"[]", b"{}", b'{"runs": [1]}'):
        with pytest.raises(Damaged):
            converter(answer=answer).converted(image, Form.SARIF)


def test_only_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(converted, "WAIT_SECONDS", 0.05)
    inside, leave = threading.Barrier(converted.AT_ONCE + 1), threading.Event()

    class Slow(Fake):
        def convert(self, report: bytes, form: Format) -> bytes:
            inside.wait(30)
            leave.wait(30)
            return super().convert(report, form)

    scanner: Any = Slow()
    shared, image = Converter(scanner), subject(result(vulnerability()))
    threads = [
        threading.Thread(target=shared.converted, args=(image, Form.SARIF))
        for _ in range(converted.AT_ONCE)
    ]
    for each in threads:
        each.start()
    inside.wait(30)
    with pytest.raises(Unavailable, match="too many"):
        shared.converted(image, Form.SARIF)
    leave.set()
    for each in threads:
        each.join(30)
