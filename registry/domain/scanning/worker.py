"""Scans what is due: one image after another, in as many threads as the queue has room for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from registry.domain.scanning import states
from registry.domain.scanning.findings import Finding, counted, load
from registry.domain.scanning.indexes import settle
from registry.domain.scanning.passes import USERNAME, Pass
from registry.domain.scanning.queue import Claim, end
from registry.domain.scanning.requests import scannable
from registry.domain.scanning.twins import twin
from registry.domain.tasks import now
from registry.scanners.scanner import ScanFailed, ScannerMissing, ScannerVersion, Target
from registry.values.errors import (
    Damaged,
    ImageNotFound,
    KeyNotFound,
    KeyUnavailable,
    Unavailable,
    Vanished,
)
from registry.values.manifest import parse

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.images import Images
    from registry.domain.scanning.attaching_rows import AttachingRows
    from registry.domain.scanning.passes import Passes
    from registry.domain.scanning.queue import Queue
    from registry.domain.scanning.reading import Read, Reader
    from registry.domain.scanning.reports import Reports
    from registry.domain.scanning.watch import Watch
    from registry.domain.vex.vex import Vex
    from registry.scanners.scanner import Scanner
    from registry.values.manifest import Manifest

BACKOFF = (timedelta(seconds=2), timedelta(seconds=15))
"""How long to wait after each attempt that failed but the last."""
ATTEMPTS_MAX = len(BACKOFF) + 1
_BEGUN_MAX = ATTEMPTS_MAX + 2
"""A scan that takes the server down with it every time is not begun more often."""
_UNKNOWN_SYSTEM = "The operating system and/or package manager are not supported."


Stop = Callable[[], bool]
"""Whether to come to an end."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where this server answers to itself."""

    host: str
    """With its port."""
    tls: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one claim."""

    claim: Claim
    status: str
    """A status, or RETRY; WAITING of an index for what it lists; LOST where somebody else had
    taken over."""
    description: str
    seconds: float


class Worker:
    """Scans for one thread or several."""

    def __init__(
        self,
        database: Database,
        images: Images,
        reports: Reports,
        queue: Queue,
        *,
        scanner: Scanner,
        watch: Watch,
        passes: Passes,
        address: Address,
        vex: Vex,
        reader: Reader,
        attaching: AttachingRows,
        timeout: timedelta,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """`timeout` is how long a scan may take: a pass is good for a minute more."""
        self._database = database
        self._images = images
        self._reports = reports
        self._queue = queue
        self._scanner = scanner
        self._watch = watch
        self._passes = passes
        self._vex = vex
        self._reader = reader
        self._attaching = attaching
        self._address = address
        self._lifetime = timeout + timedelta(minutes=1)
        self._clock = clock

    def run(self, stop: Stop, report: Callable[[Outcome], None]) -> None:
        """Scan what is due until there is nothing, or `stop` says so. Raises Unavailable."""
        while not stop() and (claim := self._queue.take()) is not None:
            begun = time.monotonic()
            with self._queue.kept(claim):
                status, description = self._tried(claim, stop)
            report(Outcome(claim, status, description, time.monotonic() - begun))

    def _tried(self, claim: Claim, stop: Stop) -> tuple[str, str]:
        if claim.attempts > _BEGUN_MAX:
            begun = claim.attempts - 1
            return self._fail(claim, f"The scan was begun {begun} times and never came to its end.")
        try:
            return self._scan(claim)
        except ScanFailed as error:
            return self._unscanned(claim, error, stop)
        except (KeyNotFound, KeyUnavailable, Damaged) as error:
            return self._fail(claim, f"The image cannot be opened: {error}")
        except (ImageNotFound, Vanished) as error:
            return "LOST", str(error)
        except Unavailable as error:
            self._queue.later(claim, BACKOFF[-1])
            return "RETRY", str(error)
        except Exception:
            self._again(claim, "The scan failed in the server itself.", again=True)
            raise

    def _scan(self, claim: Claim) -> tuple[str, str]:
        stored = self._images.get(claim.repository, claim.digest)
        manifest = parse(stored.content, stored.image.media_type)
        if stored.image.status != "ACTIVE":
            return self._fail(claim, "The image is archived.")
        if not scannable(manifest):
            return self._end(claim, states.UNSUPPORTED, states.NO_IMAGE)
        if manifest.is_index:
            return self._index(claim, manifest)
        version = self._watch.version()
        if claim.cause != "manual":
            with self._database.read() as connection:
                known = twin(connection, self._reports, claim, version)
            if known is not None:
                return self._found(claim, known, version)
        return self._found(claim, self._scanner.scan(self._target(claim)), version)

    def _target(self, claim: Claim) -> Target:
        repository, digest = claim.repository, claim.digest
        granted = Pass(repository.scope, repository.name, digest)
        return Target(
            f"{self._address.host}/{repository.name}@{digest}",
            USERNAME,
            self._passes.issue(granted, self._lifetime),
            tls=self._address.tls,
        )

    def _found(self, claim: Claim, report: bytes, version: ScannerVersion) -> tuple[str, str]:
        """Keep what a report says."""
        moment = self._clock()
        read = self._reader.read(report, self._before(claim), moment)
        found = {
            "scanner": version.name,
            "scanner_version": version.version,
            "database_at": version.database,
        }
        if not read.known:
            return self._end(claim, states.UNSUPPORTED, _UNKNOWN_SYSTEM, **found)
        return self._keep(claim, read, moment, found)

    def _keep(
        self, claim: Claim, read: Read, moment: datetime, found: dict[str, Any]
    ) -> tuple[str, str]:
        said = self._vex.of(claim.repository, claim.digest)
        judged = said.judge(load(read.findings)) if said.statements else []
        suppressed = counted(each for each in judged if each.suppressed)
        found |= {"counts": read.counts, "completed_at": moment, "suppressed": suppressed}
        told = states.SUCCEEDED + read.note
        with self._database.write() as connection:
            if not end(connection, claim, states.COMPLETE, told, moment, **found):
                return "LOST", "another worker had taken over"
            self._reports.keep(connection, claim.image_id, read.report, read.findings)
            self._attaching.note(connection, claim.repository, claim.image_id)
        return states.COMPLETE, told

    def _before(self, claim: Claim) -> bytes:
        try:
            with self._database.read() as connection:
                return self._reports.dumped(connection, claim.image_id)
        except Damaged:
            return b"[]"  # it is about to be replaced

    def _index(self, claim: Claim, manifest: Manifest) -> tuple[str, str]:
        digests = {each.digest for each in manifest.manifests}
        said = {str(each): self._vex.of(claim.repository, each) for each in digests}

        def judge(digest: str, findings: list[Finding]) -> list[Finding]:
            return said[digest].judge(findings)

        with self._database.write() as connection:
            moment = self._clock()
            return settle(connection, self._reports, claim, manifest, moment, judge=judge)

    def _unscanned(self, claim: Claim, error: ScanFailed, stop: Stop) -> tuple[str, str]:
        if isinstance(error, ScannerMissing):
            return self._fail(claim, str(error), missing=True)
        if stop():
            self._queue.later(claim, timedelta(0), counted=False)
            return "RETRY", str(error)
        return self._again(claim, str(error), again=error.again)

    def _again(self, claim: Claim, description: str, *, again: bool) -> tuple[str, str]:
        if again and claim.attempts < ATTEMPTS_MAX:
            self._queue.later(claim, BACKOFF[claim.attempts - 1])
            return "RETRY", description
        return self._fail(claim, description)

    def _fail(self, claim: Claim, description: str, *, missing: bool = False) -> tuple[str, str]:
        return self._end(claim, states.FAILED, description, missing=missing)

    def _end(
        self, claim: Claim, status: states.Status, description: str, **found: Any
    ) -> tuple[str, str]:
        with self._database.write() as connection:
            if status == states.UNSUPPORTED:  # whatever an older scanner found
                self._reports.drop(connection, claim.image_id)
                found |= {"counts": {}, "completed_at": None, "suppressed": {}}
            if not end(connection, claim, status, description, self._clock(), **found):
                return "LOST", "another worker had taken over"
        return status, description
