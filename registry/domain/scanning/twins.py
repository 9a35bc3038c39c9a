"""One digest in many repositories is scanned once.

Only among repositories of one key: what one key seals is never told under another, just as
blobs are shared by the repositories of a key and by no others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import images, scan_reports, scans
from registry.domain.scanning import states
from registry.values.errors import Damaged

if TYPE_CHECKING:
    from registry.domain.scanning.queue import Claim
    from registry.domain.scanning.reports import Reports
    from registry.scanners.scanner import ScannerVersion


def twin(
    connection: sa.Connection, reports: Reports, claim: Claim, version: ScannerVersion
) -> bytes | None:
    """The report on the same image in another repository, if a scan now would give the same."""
    if version.database is None:  # it lies elsewhere, and may have changed
        return None
    key = sa.select(images.c.key_id).where(images.c.id == claim.image_id).scalar_subquery()
    query = (
        sa.select(images.c.id)
        .join(scans, scans.c.image_id == images.c.id)
        .join(scan_reports, scan_reports.c.image_id == images.c.id)
        .where(
            images.c.digest == str(claim.digest),
            images.c.key_id == key,
            images.c.id != claim.image_id,
            scans.c.status == states.COMPLETE,
            scans.c.scanner_version == version.version,
            scans.c.database_at == version.database,
        )
        .limit(1)
    )
    found = connection.execute(query).scalar()
    if found is None:
        return None
    try:
        return reports.report(connection, found)
    except Damaged:
        return None
