"""What is known of an image's scan: the interface for everybody else.

An index is scanned as the images that it lists, one for each platform, and answers with the
findings of all of them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import image_children, images, scans, vex_counts
from registry.domain import image_rows as rows
from registry.domain.scanning.findings import Finding, counted, counts_without, merged, named
from registry.domain.scanning.states import Status
from registry.values.digest import Digest

if TYPE_CHECKING:
    from datetime import datetime

    from registry.database.database import Database
    from registry.domain.repositories import Repository
    from registry.domain.scanning.reports import Reports
    from registry.domain.vault import Vault
    from registry.domain.vex.vex import Vex

_BATCH = 500
NO_PLATFORM = "unknown/unknown"
"""What docker build writes down for its attestations."""


@dataclass(frozen=True, slots=True)
class ScanState:
    """How an image's scan stands, without what was found."""

    image_id: int
    status: Status
    description: str
    requested_at: datetime
    ended_at: datetime | None
    """When a scan last came to its end, whatever came of it."""
    completed_at: datetime | None
    """When the scan was that gave the counts and findings; None while there are none."""
    scanner: str | None
    """`trivy`."""
    scanner_version: str | None
    database_at: datetime | None
    """When the database was made that it looked things up in."""
    counts: Mapping[str, int]
    """Findings by severity, without those that are suppressed."""
    suppressed: Mapping[str, int] = field(default_factory=dict)
    """Findings by severity of which a VEX document says that they are none."""


@dataclass(frozen=True, slots=True)
class Platform:
    """One image that an index lists."""

    digest: str
    name: str
    """`linux/arm64/v8`."""
    result: ScanResult | None
    """None where the repository does not hold it, or it was not to be scanned."""


@dataclass(frozen=True, slots=True)
class ScanResult:
    """A scan and what it found: of the last one that was completed, whatever came later."""

    state: ScanState
    findings: tuple[Finding, ...]
    """What counts first, and of that the worst first."""
    report: bytes | None = field(repr=False, default=None)
    """The scanner's own (Trivy's JSON, schema 2); an index has those of its platforms alone."""
    platforms: tuple[Platform, ...] = ()
    """Of an index."""


class Scans:
    """Reads scans."""

    def __init__(self, database: Database, vault: Vault, reports: Reports, vex: Vex) -> None:
        self._database = database
        self._vex = vex
        self._vault = vault
        self._reports = reports

    def state(self, repository: Repository, digest: Digest) -> ScanState | None:
        """How the image's scan stands; None where it never was to be scanned."""
        with self._database.read() as connection:
            row = rows.find(connection, repository, digest)
            return None if row is None else _states(connection, [row.id]).get(row.id)

    def states(self, image_ids: Collection[int]) -> dict[int, ScanState]:
        """By image id, of those that were ever to be scanned."""
        with self._database.read() as connection:
            return _states(connection, list(image_ids))

    def said(self, repository: Repository, digest: Digest) -> str:
        """What changes when something else is said of the image."""
        return self._vex.of(repository, digest).key

    def report(
        self, repository: Repository, digest: Digest, *, raw: bool = True
    ) -> ScanResult | None:
        """The scan with what it found; None where the image never was to be scanned.

        `raw` says whether the scanner's own report is wanted too.
        Raises Damaged, KeyNotFound, KeyUnavailable.
        """
        with self._database.read() as connection:
            row = rows.find(connection, repository, digest)
            if row is None:
                return None
            state = _states(connection, [row.id]).get(row.id)
            if state is None:
                return None
            if not _children(connection, row.id):
                plain = self._plain(connection, repository, row, state, raw=raw)
                platforms = None
            else:
                platforms = self._platforms(connection, repository, row, raw=raw)
        if platforms is None:
            return self._judged(repository, digest, plain)
        judged = tuple(
            replace(each, result=self._judged(repository, Digest.parse(each.digest), each.result))
            if each.result is not None
            else each
            for each in platforms
        )
        found = merged(each.result.findings for each in judged if each.result is not None)
        return _exact(ScanResult(state, tuple(found), platforms=judged))

    def _judged(self, repository: Repository, digest: Digest, result: ScanResult) -> ScanResult:
        said = self._vex.of(repository, digest)
        if not said.statements:
            return _exact(result)
        return _exact(replace(result, findings=tuple(said.judge(result.findings))))

    def _plain(
        self,
        connection: sa.Connection,
        repository: Repository,
        row: Any,
        state: ScanState,
        *,
        raw: bool,
    ) -> ScanResult:
        found = tuple(self._reports.findings(connection, row.id))
        report = self._reports.report(connection, row.id) if raw else None
        if report is not None:
            report = named(report, f"{repository.name}@{row.digest}")
        return ScanResult(state, found, report)

    def _platforms(
        self, connection: sa.Connection, repository: Repository, row: Any, *, raw: bool
    ) -> list[Platform]:
        query = sa.select(images.c.manifest).where(images.c.id == row.id)
        sealed = connection.execute(query).scalar_one()
        found = []
        for digest, name in listed(self._vault.open(row.key_id, sealed, row.digest)):
            child = connection.execute(
                rows.light_columns().where(
                    images.c.repository_id == repository.id, images.c.digest == digest
                )
            ).first()
            state = None if child is None else _states(connection, [child.id]).get(child.id)
            result = (
                None
                if child is None or state is None
                else self._plain(connection, repository, child, state, raw=raw)
            )
            found.append(Platform(digest, name, result))
        return found


def _exact(result: ScanResult) -> ScanResult:
    """With counts that are those of the findings as they are judged now."""
    if result.state.completed_at is None:
        return result
    gone = [each for each in result.findings if each.suppressed]
    if not gone and not result.state.suppressed:
        return result
    left = counted(each for each in result.findings if not each.suppressed)
    state = replace(result.state, counts=left, suppressed=counted(gone))
    return replace(result, state=state)


def listed(index: bytes) -> list[tuple[str, str]]:
    """Digest and platform of what an index lists, in its order, each once.

    A platform is `linux/arm64/v8`, empty where the index says nothing of it, and NO_PLATFORM
    for attestations.
    """
    found = {item["digest"]: _platform(item) for item in json.loads(index)["manifests"]}
    return list(found.items())


def _platform(descriptor: Mapping[str, Any]) -> str:
    given = descriptor.get("platform")
    if not isinstance(given, dict):
        return ""
    parts = (given.get("os"), given.get("architecture"), given.get("variant"))
    return "/".join(part[:64] for part in parts if isinstance(part, str) and part)


def _children(connection: sa.Connection, image_id: int) -> list[str]:
    query = sa.select(image_children.c.digest).where(image_children.c.image_id == image_id)
    return list(connection.execute(query).scalars())


def _states(connection: sa.Connection, image_ids: list[int]) -> dict[int, ScanState]:
    found: dict[int, ScanState] = {}
    for at in range(0, len(image_ids), _BATCH):
        chosen = scans.c.image_id.in_(image_ids[at : at + _BATCH])
        for row in connection.execute(state_query().where(chosen)):
            found[row.image_id] = state_of(row)
    return found


def state_of(row: Any) -> ScanState:
    """A row of `state_query`, as others see it."""
    suppressed = row.suppressed or {}
    found = {name: getattr(row, name) for name in ScanState.__slots__}
    counts = counts_without(row.counts, suppressed)
    return ScanState(**{**found, "counts": counts, "suppressed": suppressed})


def state_query() -> sa.Select[Any]:
    """How scans stand, with how much of what they found is suppressed."""
    beside = scans.outerjoin(vex_counts, vex_counts.c.image_id == scans.c.image_id)
    return sa.select(scans, vex_counts.c.suppressed).select_from(beside)
