"""A registry whose scanner is a fake, and whose clock can be turned."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from registry.domain.scanning.asking import Asking
from registry.domain.scanning.attaching_rows import AttachingRows
from registry.domain.scanning.queue import Queue
from registry.domain.scanning.reading import Reader, read_apart
from registry.domain.scanning.reports import Reports
from registry.domain.scanning.rescans import Rescans
from registry.domain.scanning.scans import ScanResult, ScanState
from registry.domain.scanning.watch import Watch
from registry.domain.scanning.worker import Address, Outcome, Worker
from registry.scanners.apart import Apart
from registry.scanners.scanner import Format, ScannerVersion, Target
from registry.scanning import passes_of
from registry.values.digest import Digest
from tests import images as made
from tests.application import SCOPE, Registry
from tests.domain.scanning.reports import report, vulnerability

NAME = "team/app"
DATABASE = datetime(2026, 11, 1, tzinfo=UTC)
IMAGE = made.oci_image(made.layer({"a": b"a"}))
OTHER = made.oci_image(made.layer({"b": b"b"}), architecture="arm64")


class FakeScanner:
    """Does as it is told, and remembers what it was asked."""

    def __init__(self, scan: Callable[[Target], bytes] | None = None) -> None:
        self.do = scan or (lambda _target: report(vulnerability()))
        self.made: datetime | None = DATABASE
        self.missing: Exception | None = None
        self.scanned: list[Target] = []
        self.most = 0
        self.updates = 0
        self.newer = False
        self.stopped = threading.Event()
        self._now: list[Target] = []
        self._lock = threading.Lock()

    def version(self) -> ScannerVersion:
        if self.missing is not None:
            raise self.missing
        return ScannerVersion("fake", "1.0", self.made)

    def due(self) -> bool:
        return self.newer

    def update(self) -> None:
        self.newer = False
        self.updates += 1

    def scan(self, target: Target) -> bytes:
        with self._lock:
            assert all(target.reference != each.reference for each in self._now)
            self._now.append(target)
            self.scanned.append(target)
            self.most = max(self.most, len(self._now))
        try:
            return self.do(target)
        finally:
            with self._lock:
                self._now.remove(target)

    def convert(self, report: bytes, form: Format) -> bytes:
        raise AssertionError(f"no scan asks for {form} of {len(report)} bytes")

    def stop(self) -> None:
        self.stopped.set()


class Here(Apart):
    """Reads in this process, which is quicker; the other way is tested by itself."""

    def __call__(
        self, function: str, given: Mapping[str, Any], *pieces: bytes
    ) -> tuple[dict[str, Any], list[bytes]]:
        assert function.endswith(":read_apart")
        told, found = read_apart(given, *pieces)
        return dict(told), list(found)


here = Here()


@dataclass
class World:
    """One process's worker over a registry."""

    registry: Registry
    scanner: FakeScanner = field(default_factory=FakeScanner)
    moment: datetime = field(default_factory=lambda: datetime.now(UTC))
    ticks: float = 0.0
    most: int = 2
    attach: tuple[str, ...] = ()
    outcomes: list[Outcome] = field(default_factory=list)

    def __post_init__(self) -> None:
        database = self.registry.ground.database
        self.reports = Reports(self.registry.vault)
        self.queue = Queue(database, self.most, clock=lambda: self.moment)
        self.watch = Watch(self.scanner, clock=lambda: self.ticks)
        self.worker = Worker(
            database,
            self.registry.images,
            self.reports,
            self.queue,
            scanner=self.scanner,
            watch=self.watch,
            passes=passes_of(self.registry.ground),
            address=Address("127.0.0.1:5000", tls=False),
            vex=self.registry.stores.vex,
            reader=Reader(here),
            attaching=AttachingRows(self.attach),
            timeout=timedelta(seconds=60),
            clock=lambda: self.moment,
        )

    def rescans(self, days: int | None = None) -> Rescans:
        duration = None if days is None else timedelta(days=days)
        return Rescans(self.registry.ground.database, duration=duration, clock=lambda: self.moment)

    def later(self, **span: float) -> None:
        self.moment += timedelta(**span)
        self.ticks += timedelta(**span).total_seconds()

    def run(self, stop: Callable[[], bool] = lambda: False) -> list[str]:
        """Scan what is due; what came of each."""
        self.moment = max(self.moment, datetime.now(UTC))  # rows of pushes have the true time
        self.later(seconds=1)
        before = len(self.outcomes)
        self.worker.run(stop, self.outcomes.append)
        return [each.status for each in self.outcomes[before:]]

    def push(self, image: made.Image = IMAGE, name: str = NAME, tag: str | None = "v1") -> None:
        self.registry.hold(name, image, tag)

    def state(self, image: made.Image = IMAGE, name: str = NAME) -> ScanState:
        repository = self.registry.repositories.get(SCOPE, name)
        found = self.registry.stores.scans.state(repository, Digest.parse(image.digest))
        assert found is not None
        return found

    def result(self, image: made.Image = IMAGE, name: str = NAME) -> ScanResult:
        repository = self.registry.repositories.get(SCOPE, name)
        found = self.registry.stores.scans.report(repository, Digest.parse(image.digest))
        assert found is not None
        return found

    def ask(self, image: made.Image = IMAGE, name: str = NAME) -> ScanState:
        repository = self.registry.repositories.get(SCOPE, name)
        stored = self.registry.images.get(repository, Digest.parse(image.digest))
        daily = self.registry.settings.scan_daily_limit
        asking = Asking(self.registry.ground.database, daily, lambda: self.moment)
        return asking.start(stored.image)

    def continuous(self, *patterns: str, frequency: str = "CONTINUOUS_SCAN") -> None:
        """Let the registry's scans be enhanced ones."""
        filters = [{"filter": each, "filterType": "WILDCARD"} for each in patterns or ("*",)]
        rule: dict[str, Any] = {"scanFrequency": frequency, "repositoryFilters": filters}
        configuration = {"scanType": "ENHANCED", "rules": [rule]}
        self.registry.stores.registries.set_scanning(SCOPE, configuration)
