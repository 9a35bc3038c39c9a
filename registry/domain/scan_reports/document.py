"""A report as plain JSON: the house's own form, from which nothing is left out."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registry.domain.scan_reports.subject import Subject
    from registry.domain.scanning.findings import Finding
    from registry.domain.scanning.scans import Platform, ScanState


def document(subject: Subject) -> dict[str, Any]:
    """The report as a JSON object."""
    scan = subject.scan
    found: dict[str, Any] = {
        "registryId": subject.scope.account,
        "region": subject.scope.region,
        "repositoryName": subject.repository,
        "imageDigest": subject.digest,
        "imageTags": list(subject.tags),
        **_state(scan.state),
        "findings": [_finding(each, scan.state) for each in scan.findings],
    }
    if subject.platform:
        found["platform"] = subject.platform
    if scan.platforms:
        found["platforms"] = [_platform(each) for each in scan.platforms]
    return found


def written(subject: Subject) -> bytes:
    """The same as bytes."""
    return json.dumps(document(subject), indent=2).encode() + b"\n"


def moment(value: datetime | None) -> str | None:
    """A time as in all of these reports: UTC, to the second."""
    return None if value is None else value.strftime("%Y-%m-%dT%H:%M:%SZ")


def _state(state: ScanState) -> dict[str, Any]:
    return {
        "status": state.status,
        "description": state.description,
        "requestedAt": moment(state.requested_at),
        "scannedAt": moment(state.completed_at),
        "scanner": {
            "name": state.scanner,
            "version": state.scanner_version,
            "databaseAt": moment(state.database_at),
        },
        "findingCounts": dict(state.counts),
        "suppressedCounts": dict(state.suppressed),
    }


def _platform(platform: Platform) -> dict[str, Any]:
    named = {"platform": platform.name, "imageDigest": platform.digest}
    if platform.result is None:
        return {**named, "status": None}
    keys = [list(each.key) for each in platform.result.findings]
    return {**named, **_state(platform.result.state), "findingKeys": keys}


def _finding(finding: Finding, state: ScanState) -> dict[str, Any]:
    plain = {_camel(name): _plain(value) for name, value in asdict(finding).items()}
    del plain["verdict"]
    plain["suppressed"] = finding.suppressed
    plain["vex"] = None if finding.verdict is None else finding.verdict.plain()
    return {**plain, "key": list(finding.key), "scannedAt": moment(state.completed_at)}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    found = first + "".join(part.capitalize() for part in rest)
    return _NAMES.get(found, found)


_NAMES = {
    "published": "publishedAt",
    "modified": "modifiedAt",
    "firstObserved": "firstObservedAt",
}


def _plain(value: object) -> object:
    return moment(value) if isinstance(value, datetime) else value
