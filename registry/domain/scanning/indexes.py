"""An index is scanned as the images that it lists, and answers with the whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import images, scans
from registry.domain.scanning import states
from registry.domain.scanning.findings import Finding, counted, merged
from registry.domain.scanning.queue import Claim, end, mine
from registry.domain.scanning.requests import request
from registry.domain.scanning.scans import NO_PLATFORM, listed
from registry.values.errors import Damaged, KeyNotFound, KeyUnavailable

if TYPE_CHECKING:
    from registry.domain.scanning.reports import Reports
    from registry.values.manifest import Manifest

Judge = Callable[[str, list[Finding]], list[Finding]]
"""Takes the digest of an image and its findings, and gives them with what is said of each."""

_BATCH = 500
_EMPTY = "None of the images that the index lists is in the repository."


@dataclass(frozen=True, slots=True)
class _Listed:
    """An image that the index lists, and that is here."""

    image_id: int
    digest: str
    platform: str
    scan: Any
    """Its row; None where it was never to be scanned."""


def settle(
    connection: sa.Connection,
    reports: Reports,
    claim: Claim,
    manifest: Manifest,
    moment: datetime,
    *,
    judge: Judge,
) -> tuple[str, str]:
    """Look at the images that the index lists: let them be scanned, or tell what came of it."""
    for each in _here(connection, claim, manifest):
        if _wanted(each, claim):
            cause: states.Cause = "push" if each.scan is None else claim.cause
            request(connection, each.image_id, cause, moment)
    here = _here(connection, claim, manifest)
    done = [each for each in here if each.scan.status not in states.OPEN]
    if len(done) < len(here):
        return _wait(connection, claim, f"{len(done)} of {len(here)} platforms are scanned.")
    status, description = _sum(here)
    completed = [each for each in here if each.scan.completed_at]
    found = _found(connection, reports, completed, judge)
    if not end(connection, claim, status, description, moment, **found):
        return "LOST", "another worker had taken over"
    return status, description


def _wanted(each: _Listed, claim: Claim) -> bool:
    """Whether it has to be scanned for the index's sake."""
    if each.scan is None:
        return True
    if each.scan.status in states.OPEN or each.scan.ended_at >= claim.requested_at:
        return False
    return claim.cause == "manual" or each.scan.status == states.FAILED


def _wait(connection: sa.Connection, claim: Claim, description: str) -> tuple[str, str]:
    """The end of the scan of an image that it lists makes it due again."""
    values: dict[str, Any] = {"due_at": None, "holder": None, "held_until": None, "attempts": 0}
    if not claim.quiet:
        values |= {"description": description}
    connection.execute(sa.update(scans).where(*mine(claim)).values(**values))
    return "WAITING", description


def _sum(here: list[_Listed]) -> tuple[states.Status, str]:
    failed = [each for each in here if each.scan.status == states.FAILED]
    if not here:
        return states.FAILED, _EMPTY
    if failed:
        first = failed[0]
        return states.FAILED, f"{first.platform}: {first.scan.description}"
    if all(each.scan.status == states.UNSUPPORTED for each in here):
        return states.UNSUPPORTED, here[0].scan.description
    return states.COMPLETE, states.SUCCEEDED


def _found(
    connection: sa.Connection, reports: Reports, completed: list[_Listed], judge: Judge
) -> dict[str, Any]:
    """The columns of a scan that was completed, out of those of its images."""
    if not completed:
        return {}
    last = max((each.scan for each in completed), key=lambda scan: scan.completed_at)
    databases = [each.scan.database_at for each in completed if each.scan.database_at]
    try:
        findings = merged(
            judge(each.digest, reports.findings(connection, each.image_id)) for each in completed
        )
    except (Damaged, KeyNotFound, KeyUnavailable):
        return {}
    return {
        "counts": counted(findings),
        "suppressed": counted(each for each in findings if each.suppressed),
        "completed_at": last.completed_at,
        "scanner": last.scanner,
        "scanner_version": last.scanner_version,
        "database_at": min(databases, default=None),
    }


def _here(connection: sa.Connection, claim: Claim, manifest: Manifest) -> list[_Listed]:
    """Those that are here, in the index's order; attestations, which are for no platform, not."""
    named = {digest: name for digest, name in listed(manifest.content) if name != NO_PLATFORM}
    digests = list(named)
    found: dict[str, _Listed] = {}
    for at in range(0, len(digests), _BATCH):
        query = sa.select(images.c.id, images.c.digest).where(
            images.c.repository_id == claim.repository.id,
            images.c.digest.in_(digests[at : at + _BATCH]),
        )
        ids = {row.id: row.digest for row in connection.execute(query)}
        known = connection.execute(sa.select(scans).where(scans.c.image_id.in_(ids)))
        by_id = {row.image_id: row for row in known}
        for number, digest in ids.items():
            found[digest] = _Listed(number, digest, named[digest], by_id.get(number))
    return [found[digest] for digest in digests if digest in found]
