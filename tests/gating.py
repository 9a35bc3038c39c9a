"""Gates, and images that were scanned, for tests."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from registry.database.schema import scan_reports, scans
from registry.domain.scanning.findings import counted, observed, read_report
from registry.domain.scanning.reports import Reports
from registry.values.digest import Digest
from tests import images as made
from tests.application import SCOPE, Registry
from tests.domain.scanning.reports import report, vulnerability

BAD = made.oci_image(made.layer({"app": b"bad"}), made.layer({"base": b"shared"}))
GOOD = made.oci_image(made.layer({"app": b"good"}), made.layer({"base": b"shared"}))
CVE = "CVE-2020-14343"
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)


def gate(registry: Registry, name: str = "critical", **members: Any) -> None:
    """Put a gate before every repository of `prod/`."""
    document = {"repositories": ["prod/*"], "severity": "HIGH", **members}
    chosen = {key: value for key, value in document.items() if value is not None}
    registry.stores.gates.put(SCOPE, name, json.dumps(chosen))


def scanned(
    registry: Registry, name: str, digest: str, *found: dict[str, Any], since: datetime = LONG_AGO
) -> None:
    """The image was scanned, and that was found; each first at `since`."""
    repository = registry.repositories.get(SCOPE, name)
    number = registry.images.get(repository, Digest.parse(digest)).image.id
    text = report(*found)
    findings = observed(read_report(text), [], since)
    moment = datetime.now(UTC)
    row = {
        "status": "COMPLETE", "description": "", "cause": "push", "missing": False,
        "requested_at": moment, "ended_at": moment, "completed_at": moment, "scanner": "trivy",
        "counts": counted(findings), "attempts": 1, "day_count": 1,
    }  # fmt: skip
    with registry.ground.database.write() as connection:
        for table in (scan_reports, scans):
            connection.execute(sa.delete(table).where(table.c.image_id == number))
        connection.execute(sa.insert(scans).values(image_id=number, **row))
        Reports(registry.vault).write(connection, number, text, findings)


def bad_and_good(registry: Registry, name: str = "prod/app") -> None:
    """A repository with one image that has a critical finding, and one that has none."""
    registry.create(name)
    registry.hold(name, BAD, "bad")
    registry.hold(name, GOOD, "good")
    scanned(registry, name, BAD.digest, vulnerability(CVE))
    scanned(registry, name, GOOD.digest)
