"""Scans as a scanner leaves them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from registry.database.schema import scans
from registry.domain.scan_reports.subject import Subject
from registry.domain.scanning.findings import anonymous, counted, observed, read_report
from registry.domain.scanning.reports import Reports
from registry.domain.scanning.requests import request
from registry.domain.scanning.scans import Platform, ScanResult, ScanState
from registry.domain.scanning.states import Status
from registry.values.digest import Digest
from tests.application import SCOPE, Registry
from tests.domain.scanning.reports import report, vulnerability
from tests.images import Image

MOMENT = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
DATABASE = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
JINJA = vulnerability(
    "CVE-2024-22195",
    PkgName="Jinja2",
    InstalledVersion="3.1.2",
    FixedVersion="3.1.3",
    Severity="MEDIUM",
    PkgIdentifier={"PURL": "pkg:pypi/jinja2@3.1.2", "UID": "1f1e"},
)
REPORT = report(vulnerability(), JINJA)


def scanned(
    registry: Registry, name: str, image: Image, text: bytes | None = REPORT, **values: Any
) -> None:
    """Let a stored image have been scanned."""
    repository = registry.repositories.get(SCOPE, name)
    number = registry.images.get(repository, Digest.parse(image.digest)).image.id
    findings = observed(read_report(text), [], MOMENT) if text is not None else []
    done = {
        "status": "COMPLETE",
        "description": "The scan was completed successfully.",
        "completed_at": MOMENT,
        "ended_at": MOMENT,
        "due_at": None,
        "scanner": "trivy",
        "scanner_version": "0.70.0",
        "database_at": DATABASE,
        "counts": counted(findings),
        **values,
    }
    with registry.ground.database.write() as connection:
        request(connection, number, "manual", MOMENT)
        mine = scans.c.image_id == number
        connection.execute(sa.update(scans).where(mine).values(**done))
        if text is not None:
            Reports(registry.vault).write(connection, number, anonymous(text), findings)


def state(status: Status = "COMPLETE", **changed: Any) -> ScanState:
    """How a scan stands."""
    given: dict[str, Any] = {
        "image_id": 1,
        "status": status,
        "description": "As told.",
        "requested_at": MOMENT,
        "ended_at": MOMENT,
        "completed_at": MOMENT,
        "scanner": "trivy",
        "scanner_version": "0.70.0",
        "database_at": DATABASE,
        "counts": {},
        **changed,
    }
    return ScanState(**given)


def result(
    *found: dict[str, Any], packages: Sequence[Mapping[str, Any]] = (), **changed: Any
) -> ScanResult:
    """A scan that found these."""
    text = report(*found)
    if packages:
        document = json.loads(text)
        document["Results"][0]["Packages"] = list(packages)
        text = anonymous(json.dumps(document).encode())
    findings = tuple(observed(read_report(text), [], MOMENT))
    return ScanResult(state(**{"counts": counted(findings), **changed}), findings, text)


def subject(scan: ScanResult, *platforms: Platform) -> Subject:
    """An image, or an index where there are platforms."""
    if platforms:
        scan = ScanResult(scan.state, scan.findings, None, platforms)
    return Subject(SCOPE, "team/app", "sha256:" + "a" * 64, ("v1", "latest"), scan)
