"""What was found in an image, read out of a scanner's report (Trivy's JSON, schema 2).

A report is written by a program that has read a hostile image: whatever is not of the form
that is expected is left out, and texts are cut.

Source: Trivy documentation, "Reporting"; trivy `pkg/types`, Result and DetectedVulnerability.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from registry.domain.scanning.states import SEVERITIES
from registry.domain.scanning.verdicts import Verdict

TEXT_MAX = 8192
"""Characters of a description; other texts are cut at a fourth of it."""
REFERENCES_MAX = 100

_BY_NAME = {"UNKNOWN": "UNDEFINED", "NEGLIGIBLE": "INFORMATIONAL"}
_BY_NUMBER = ("UNDEFINED", "LOW", "MEDIUM", "HIGH", "CRITICAL")
_CVSS = re.compile(r"CVSS:(\d\.\d)/")


class ReportInvalid(Exception):
    """It is no report."""


@dataclass(frozen=True, slots=True)
class Cvss:
    """A score, and who gave it."""

    source: str
    version: str
    """`2.0`, `3.0`, `3.1`, `4.0`."""
    score: float
    vector: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One vulnerability of one package."""

    id: str
    """Usually a CVE number."""
    package: str
    version: str
    fixed: str | None
    """The version, or several, in which it is mended."""
    severity: str
    """One of SEVERITIES."""
    severity_source: str
    severities: Mapping[str, str]
    """What each source says."""
    status: str
    """Of the fix, by the distribution: `fixed`, `affected`, `will_not_fix` and others."""
    title: str
    description: str
    url: str
    references: tuple[str, ...]
    cvss: tuple[Cvss, ...]
    epss: float | None
    """Probability of exploitation in 30 days, where the scanner's database has it."""
    cwes: tuple[str, ...]
    published: datetime | None
    modified: datetime | None
    target: str
    """What it was found in: `debian 12.5`, `Python`, a lock file."""
    path: str
    """Of the file that names the package; empty for one of the distribution."""
    manager: str
    """Whose package it is: `debian`, `python-pkg`, `gobinary`."""
    purl: str
    layer: str
    """Digest of the layer that it came with."""
    source: str
    """Who tells of the vulnerability: `GitHub Security Advisory pip`."""
    source_url: str
    first_observed: datetime | None = None
    """When a scan of this image first found it."""
    verdict: Verdict | None = None
    """What a VEX document says of it; looked up when it is read, never kept with it."""

    @property
    def suppressed(self) -> bool:
        """Whether it counts for nothing."""
        return self.verdict is not None and self.verdict.suppresses

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it the same finding in another scan, or on another platform."""
        return self.id, self.package, self.version, self.path

    @property
    def rank(self) -> tuple[bool, int, str, str]:
        """To sort by: what counts first, and of that the worst first."""
        return self.suppressed, SEVERITIES.index(self.severity), self.id, self.package


def read_report(report: bytes) -> list[Finding]:
    """All findings, the worst first, each once. Raises ReportInvalid."""
    return findings_in(report_document(report))


def findings_in(document: Mapping[str, Any]) -> list[Finding]:
    """The same of a report that was opened."""
    found: dict[tuple[str, str, str, str], Finding] = {}
    for result in _list(document, "Results"):
        for each in _list(result, "Vulnerabilities"):
            if (finding := _finding(each, result)) is not None:
                found.setdefault(finding.key, finding)
    return sorted(found.values(), key=lambda each: each.rank)


def anonymous(report: bytes) -> bytes:
    """The report without the name by which the scanner knew the image.

    That is an address of this server's own, and a repository that others need not know of.
    Raises ReportInvalid.
    """
    return anonymous_document(report_document(report))


def anonymous_document(document: dict[str, Any]) -> bytes:
    """The same of a report that was opened, which is changed."""
    metadata = document.get("Metadata")
    for name in ("RepoTags", "RepoDigests", "Reference"):
        if isinstance(metadata, dict):
            metadata.pop(name, None)
    document.pop("ArtifactName", None)
    return json.dumps(document, separators=(",", ":")).encode()


def named(report: bytes, name: str) -> bytes:
    """What `anonymous` wrote, as the report of an image by that name; it is not read for that."""
    head, brace, _ = report.rpartition(b"}")
    return head + b',"ArtifactName":' + json.dumps(name).encode() + brace


def merged(lists: Iterable[Iterable[Finding]]) -> list[Finding]:
    """Findings of several images as those of one, each once.

    One that counts for one of the images counts for the whole.
    """
    found: dict[tuple[str, str, str, str], Finding] = {}
    for each in (finding for findings in lists for finding in findings):
        if each.key not in found or (found[each.key].suppressed and not each.suppressed):
            found[each.key] = each
    return sorted(found.values(), key=lambda each: each.rank)


def counted(findings: Iterable[Finding]) -> dict[str, int]:
    """How many of each severity there are."""
    return _in_order(Counter(each.severity for each in findings))


def counts_without(counts: Mapping[str, int], suppressed: Mapping[str, int]) -> dict[str, int]:
    """How many of each severity are left."""
    return _in_order({name: counts[name] - suppressed.get(name, 0) for name in counts})


def _in_order(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: counts[name] for name in SEVERITIES if counts.get(name, 0) > 0}


def observed(
    findings: Iterable[Finding], before: Iterable[Finding], moment: datetime
) -> list[Finding]:
    """The findings with the time at which each was first found."""
    known = {each.key: each.first_observed for each in before}
    return [replace(each, first_observed=known.get(each.key) or moment) for each in findings]


def dump(findings: Iterable[Finding]) -> bytes:
    """As JSON."""
    rows = [_kept(each) for each in findings]
    return json.dumps(rows, default=_plain, separators=(",", ":")).encode()


def _kept(finding: Finding) -> dict[str, Any]:
    row = asdict(finding)
    del row["verdict"]
    return row


def load(content: bytes) -> list[Finding]:
    """What `dump` wrote."""
    return [_loaded(row) for row in json.loads(content)]


def _loaded(row: dict[str, Any]) -> Finding:
    for name in ("published", "modified", "first_observed"):
        row[name] = _time(row[name])
    for name in ("references", "cwes"):
        row[name] = tuple(row[name])
    row["cvss"] = tuple(Cvss(**each) for each in row["cvss"])
    return Finding(**row)


def _finding(each: Mapping[str, Any], result: Mapping[str, Any]) -> Finding | None:
    name, package = _text(each, "VulnerabilityID"), _text(each, "PkgName")
    if not name or not package:
        return None
    source, identifier = _map(each, "DataSource"), _map(each, "PkgIdentifier")
    return Finding(
        id=name,
        package=package,
        version=_text(each, "InstalledVersion"),
        fixed=_text(each, "FixedVersion") or None,
        severity=_severity(each.get("Severity")),
        severity_source=_text(each, "SeveritySource"),
        severities={
            str(who)[:64]: _severity(what) for who, what in _map(each, "VendorSeverity").items()
        },
        status=_text(each, "Status"),
        title=_text(each, "Title"),
        description=_text(each, "Description", TEXT_MAX),
        url=_url(each, "PrimaryURL"),
        references=tuple(_texts(each, "References")[:REFERENCES_MAX]),
        cvss=tuple(_scores(_map(each, "CVSS"))),
        epss=_number(_map(each, "EPSS").get("Score")),
        cwes=tuple(_texts(each, "CweIDs")),
        published=_time(each.get("PublishedDate")),
        modified=_time(each.get("LastModifiedDate")),
        target=_text(result, "Target"),
        path=_text(each, "PkgPath"),
        manager=_text(result, "Type"),
        purl=_text(identifier, "PURL"),
        layer=_text(_map(each, "Layer"), "Digest"),
        source=_text(source, "Name") or _text(source, "ID"),
        source_url=_url(source, "URL"),
    )


def _scores(given: Mapping[str, Any]) -> Iterable[Cvss]:
    for source in sorted(given):
        each = _map(given, source)
        for kind in ("V2", "V3", "V40"):
            score, vector = _number(each.get(f"{kind}Score")), _text(each, f"{kind}Vector")
            if score is None or not vector:
                continue
            match = _CVSS.match(vector)
            yield Cvss(source[:64], match[1] if match else "2.0", score, vector)


def report_document(report: bytes) -> dict[str, Any]:
    """A report, opened. Raises ReportInvalid."""
    try:
        document = json.loads(report)
    except (ValueError, RecursionError):
        raise ReportInvalid("it is not JSON") from None
    if not isinstance(document, dict) or document.get("SchemaVersion") != 2:
        raise ReportInvalid("it is no report of schema version 2")
    return document


def _severity(given: object) -> str:
    if isinstance(given, int) and not isinstance(given, bool):
        return _BY_NUMBER[given] if 0 <= given < len(_BY_NUMBER) else "UNDEFINED"
    name = str(given).upper()
    name = _BY_NAME.get(name, name)
    return name if name in SEVERITIES else "UNDEFINED"


def _list(given: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = given.get(name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _map(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = given.get(name)
    return value if isinstance(value, dict) else {}


def _text(given: Mapping[str, Any], name: str, most: int = TEXT_MAX // 4) -> str:
    value = given.get(name)
    if not isinstance(value, str):
        return ""
    return value[:most].encode(errors="replace").decode()  # half a surrogate pair is no text


def _texts(given: Mapping[str, Any], name: str) -> list[str]:
    value = given.get(name)
    if not isinstance(value, list):
        return []
    return [_text({"": each}, "") for each in value if isinstance(each, str)]


def _url(given: Mapping[str, Any], name: str) -> str:
    """Nothing but the web: it may be shown as a link."""
    url = _text(given, name)
    return url if url.startswith(("https://", "http://")) else ""


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def _time(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if moment is None or not 1970 <= moment.year < 9999:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _plain(value: object) -> str:
    assert isinstance(value, datetime)  # noqa: S101 - nothing else is in a finding
    return value.isoformat()
