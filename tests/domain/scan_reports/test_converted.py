"""The scanner's own forms, with what it leaves out."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from registry.domain.scan_reports import converted
from registry.domain.scan_reports.converted import Converter
from registry.domain.scan_reports.forms import Form
from registry.domain.scanning.scans import Platform, ScanResult
from registry.domain.scanning.verdicts import Verdict
from registry.domain.vex.documents import read_document
from registry.domain.vex.statements import Names
from registry.domain.vex.statements import judged as judge_all
from registry.scanners.apart import Apart
from registry.scanners.scanner import Format, ScanFailed, Scanner
from registry.scanners.trivy import Trivy, TrivySettings
from registry.values.errors import Damaged, ParameterInvalid, ScanNotFound, Unavailable
from tests.domain.scan_reports.scanned import JINJA, result, subject
from tests.domain.scanning.reports import vulnerability
from tests.tools import require_tool

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
    return Converter(made, Apart())


def test_each_tells_of_its_scan() -> None:
    image = subject(result(vulnerability()))
    sarif = json.loads(converter().converted(image, Form.SARIF).content)
    assert sarif["runs"][0]["properties"] == TOLD
    bom = json.loads(converter().converted(image, Form.CYCLONEDX).content)
    assert {each["name"]: each["value"] for each in bom["metadata"]["properties"]} == {
        f"moorage:{name}": value for name, value in TOLD.items()
    }
    spdx = json.loads(converter().converted(image, Form.SPDX).content)
    assert all(value in spdx["creationInfo"]["comment"] for value in TOLD.values())
    assert converter().converted(image, Form.TRIVY).content == image.scan.report


def test_an_index_has_a_run_for_each_platform() -> None:
    sarif = json.loads(converter().converted(INDEX, Form.SARIF).content)
    assert [run["automationDetails"]["id"] for run in sarif["runs"]] == [
        "linux/amd64/", "linux/arm64/",
    ]  # fmt: skip
    assert [run["results"][0]["PkgName"] for run in sarif["runs"]] == ["PyYAML", "Jinja2"]


@pytest.mark.parametrize("form", [Form.CYCLONEDX, Form.SPDX, Form.TRIVY])
def test_an_index_has_an_sbom_for_each_platform(form: Form) -> None:
    with pytest.raises(ParameterInvalid, match=r"choose of linux/amd64, linux/arm64$"):
        converter().converted(INDEX, form)
    assert converter().converted(INDEX.only("linux/arm64"), form).content
    assert converter().converted(subject(INDEX.scan, AMD, NONE), form).content
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
    shared, image = Converter(scanner, Apart()), subject(result(vulnerability()))
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


SAID = Verdict(
    status="not_affected",
    justification="vulnerable_code_not_in_execute_path",
    statement="full_load is never called",
    author="Ann Example",
    at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    document="https://example.com/vex/1",
    source="the document 'app' of the repository",
)


@pytest.fixture(scope="module")
def trivy(tmp_path_factory: pytest.TempPathFactory) -> Converter:
    """The real one: what it writes is what is marked."""
    return Converter(
        Trivy(TrivySettings(str(require_tool("trivy")), tmp_path_factory.mktemp("t"))), Apart()
    )


def judged(scan: ScanResult, *names: str, verdict: Verdict = SAID) -> ScanResult:
    """The scan with that said of the findings in these packages."""
    found = [
        replace(each, verdict=verdict if each.package in names else None, epss=0.5)
        for each in scan.findings
    ]
    return replace(scan, findings=tuple(found))


def package(name: str, version: str, uid: str) -> dict[str, Any]:
    """As a report lists what it found in an image."""
    purl = f"pkg:pypi/{name.lower()}@{version}"
    return {"Name": name, "Version": version, "Identifier": {"PURL": purl, "UID": uid}}


TWO = result(
    vulnerability(),
    vulnerability(PkgName="Other", PkgIdentifier={"PURL": "pkg:pypi/other@5.3", "UID": "x"}),
    JINJA,
    packages=[
        package("PyYAML", "5.3", "1f1d"),
        package("Other", "5.3", "x"),
        package("Jinja2", "3.1.2", "1f1e"),
    ],
)


def test_sarif_has_suppressions(trivy: Converter) -> None:
    found = json.loads(trivy.converted(subject(judged(TWO, "PyYAML")), Form.SARIF).content)
    results = {each["message"]["text"].split("\n")[0]: each for each in found["runs"][0]["results"]}
    (suppression,) = results["Package: PyYAML"]["suppressions"]
    assert (suppression["kind"], suppression["status"]) == ("external", "accepted")
    assert suppression["justification"] == f"not_affected: {SAID.words}"
    assert suppression["properties"] == SAID.plain()
    for name in ("Package: Other", "Package: Jinja2"):
        assert results[name]["suppressions"] == []
    for each in results.values():
        assert each["properties"]["source"] == "GitHub Security Advisory pip"
        assert each["properties"]["firstObservedAt"] == "2026-11-23T01:02:03Z"
        assert each["properties"]["epss"] == 0.5


def test_without_vex_nothing_says_that_it_is_not_suppressed(trivy: Converter) -> None:
    found = json.loads(trivy.converted(subject(TWO), Form.SARIF).content)
    assert all("suppressions" not in each for each in found["runs"][0]["results"])


def test_cyclonedx_has_an_analysis_of_what_is_suppressed_alone(trivy: Converter) -> None:
    found = json.loads(trivy.converted(subject(judged(TWO, "PyYAML")), Form.CYCLONEDX).content)
    entries = found["vulnerabilities"]
    assert len(entries) == 3  # one CVE in two packages has two: it is said of one of them
    (said,) = [each for each in entries if "analysis" in each]
    assert [each["ref"] for each in said["affects"]] == ["pkg:pypi/pyyaml@5.3"]
    assert said["analysis"] == {
        "state": "not_affected",
        "justification": "code_not_reachable",
        "detail": SAID.words,
        "lastUpdated": "2026-01-02T03:04:05Z",
    }
    told = {each["name"]: each["value"] for each in said["properties"]}
    assert told["moorage:vexAuthor"] == "Ann Example"
    assert told["moorage:vexSource"] == SAID.source
    for each in entries:
        told = {pair["name"]: pair["value"] for pair in each["properties"]}
        assert told["moorage:firstObservedAt"] == "2026-11-23T01:02:03Z"
        assert told["moorage:source"] == "GitHub Security Advisory pip"
        assert {"source": {"name": "EPSS"}, "score": 0.5, "method": "other"} in each["ratings"]


def test_what_it_makes_of_cyclonedx_is_vex_that_says_the_same(trivy: Converter) -> None:
    """The round: what is written is read again as it was meant."""
    scan = judged(TWO, "PyYAML", "Jinja2")
    text = json.loads(trivy.converted(subject(scan), Form.CYCLONEDX).content)
    text["metadata"]["authors"] = [{"name": "Ann Example"}]
    statements = read_document(json.dumps(text)).statements
    plain = [replace(each, verdict=None) for each in scan.findings]
    again = judge_all(plain, statements, Names("team/app", frozenset()))
    assert {each.package: each.suppressed for each in again} == {
        "PyYAML": True, "Jinja2": True, "Other": False,
    }  # fmt: skip


def test_spdx_has_annotations(trivy: Converter) -> None:
    found = json.loads(trivy.converted(subject(judged(TWO, "PyYAML")), Form.SPDX).content)
    packages = {each["name"]: each for each in found["packages"]}
    notes = [e for e in packages["PyYAML"]["annotations"] if e["annotationType"] == "REVIEW"]
    assert notes == [
        {
            "annotator": "Organization: Ann Example",
            "annotationDate": "2026-01-02T03:04:05Z",
            "annotationType": "REVIEW",
            "comment": f"VEX: CVE-2020-14343 is not_affected: {SAID.words} ({SAID.source})",
        }
    ]
    assert all(e["annotationType"] != "REVIEW" for e in packages["Other"]["annotations"])
    (advisory,) = [e for e in packages["Other"]["externalRefs"] if e["referenceType"] == "advisory"]
    assert advisory["comment"] == (
        "CVE-2020-14343 (CRITICAL), told by GitHub Security Advisory pip,"
        " first found 2026-11-23T01:02:03Z"
    )


def test_what_is_affected_is_not_suppressed_anywhere(trivy: Converter) -> None:
    affected = replace(SAID, status="affected", justification="")
    scan = subject(judged(TWO, "PyYAML", verdict=affected))
    sarif = json.loads(trivy.converted(scan, Form.SARIF).content)
    assert all("suppressions" not in each for each in sarif["runs"][0]["results"])
    bom = json.loads(trivy.converted(scan, Form.CYCLONEDX).content)
    (said,) = [each for each in bom["vulnerabilities"] if "analysis" in each]
    assert said["analysis"]["state"] == "exploitable"


@pytest.mark.parametrize("form", [Form.CYCLONEDX, Form.SPDX, Form.SARIF])
def test_what_says_the_same_has_the_same_fingerprint(trivy: Converter, form: Form) -> None:
    """Whatever names and times the scanner makes up anew, and whenever the scan was."""
    first = trivy.converted(subject(TWO), form)
    later = replace(TWO.state, completed_at=datetime(2027, 1, 1, tzinfo=UTC), database_at=None)
    again = trivy.converted(subject(replace(TWO, state=later)), form)
    assert first.content != again.content
    assert first.fingerprint == again.fingerprint
    other = trivy.converted(subject(judged(TWO, "PyYAML")), form)
    assert other.fingerprint != first.fingerprint
    less = replace(TWO, report=result(JINJA, packages=[package("Jinja2", "3.1.2", "1f1e")]).report)
    assert trivy.converted(subject(less), form).fingerprint != first.fingerprint
