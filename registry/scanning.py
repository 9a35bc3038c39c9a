"""Scans as a server makes them: in the background, counted and logged."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

from registry.background import Work
from registry.config import Settings
from registry.domain.scan_reports.attaching import SECONDS as ATTACHING_SECONDS
from registry.domain.scan_reports.attaching import Attaching
from registry.domain.scan_reports.attachments import Attachments
from registry.domain.scan_reports.writer import ReportWriter
from registry.domain.scanning import states
from registry.domain.scanning.attaching_rows import AttachingRows
from registry.domain.scanning.own_database import OwnDatabase, Shelf
from registry.domain.scanning.passes import Passes
from registry.domain.scanning.queue import TASK, Queue
from registry.domain.scanning.reading import Reader
from registry.domain.scanning.reports import Reports
from registry.domain.scanning.rescans import Rescans
from registry.domain.scanning.watch import Watch
from registry.domain.scanning.worker import Address, Outcome, Stop, Worker
from registry.domain.tasks import Task, now
from registry.domain.trivy_database import JAVA, VULNERABILITIES
from registry.domain.vault import Vault
from registry.domain.vex.recounting import SECONDS as RECOUNT_SECONDS
from registry.domain.vex.recounting import Recounting
from registry.ecr.binding import Stores
from registry.ground import Ground
from registry.http.logs import fields
from registry.http.metrics import Metrics
from registry.scanners.apart import Apart
from registry.scanners.scanner import ScanFailed, Scanner, ScannerMissing, ScannerVersion
from registry.scanners.trivy import Trivy

SECONDS = 0.5
"""How often a worker looks for scans that are due; most times none is."""
LOOK = timedelta(seconds=30)
"""How often one worker asks which scanner there is, and for images that nobody pushed."""
_HELD = timedelta(minutes=20)
"""A database of Java archives takes a while to come."""
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared, not bound
_LOCAL = ("127.", "localhost", "[::1]")

_log = logging.getLogger("moorage.scanning")


class Scanning:
    """The scans of one worker process; all together make so many at once."""

    def __init__(
        self, worker: Worker, rescans: Rescans, watch: Watch, task: Task, metrics: Metrics
    ) -> None:
        self._worker = worker
        self._rescans = rescans
        self._watch = watch
        self._task = task
        self._metrics = metrics

    def scan(self, stop: Stop) -> None:
        """Scan what is due. Raises Unavailable."""
        self._worker.run(stop, self._count)

    def look(self, stop: Stop, update: timedelta) -> None:
        """See to the scanner and its database, unless another worker does; raises Unavailable.

        `update` is how old a database may be before a newer one is asked for.
        """
        if not self._task.take(LOOK):
            return
        state = dict(self._task.state())
        try:
            version = self._version(state, update)
            self._metrics.scanner_available(available=version is not None)
            if version is not None:
                self._rescan(state, version, stop)
        finally:
            self._task.save(state)
            self._task.release(finished=True)

    def _version(self, state: dict[str, str], update: timedelta) -> ScannerVersion | None:
        """What there is; told once, and again when it changes."""
        try:
            version = self._updated(state, update)
            told = f"{version.name} {version.version}, database of {version.database}"
        except ScannerMissing as error:
            version, told = None, str(error)
        if state.get("told") != told:
            state["told"] = told
            if version is None:
                _log.warning("images cannot be scanned", extra=fields(reason=told))
            else:
                _log.info("images can be scanned", extra=fields(scanner=told))
        return version

    def _updated(self, state: dict[str, str], update: timedelta) -> ScannerVersion:
        asked = state.get("updated")
        recent = asked is not None and datetime.fromisoformat(asked) + update > now()
        if recent and not self._watch.due():
            return self._watch.version()
        self._watch.version()  # nothing to update where there is none
        state["updated"] = now().isoformat()
        try:
            return self._watch.update()
        except ScanFailed as error:
            _log.warning("no newer vulnerability database", extra=fields(reason=str(error)))
            return self._watch.version()

    def _rescan(self, state: dict[str, str], version: ScannerVersion, stop: Stop) -> None:
        count = self._rescans.again() + self._rescans.unscanned(stop)
        if version.database is not None and state.get("made") != version.database.isoformat():
            count += self._rescans.outdated(version.database, stop)
            if not stop():
                state["made"] = version.database.isoformat()
        if count:
            _log.info("images are to be scanned again", extra=fields(count=count))

    def _count(self, outcome: Outcome) -> None:
        if outcome.status == "WAITING":
            return
        self._metrics.scanned(outcome.status.lower(), outcome.seconds)
        claim = outcome.claim
        told = fields(
            repository=claim.repository.arn,
            digest=str(claim.digest),
            outcome=outcome.status,
            description=outcome.description,
            seconds=round(outcome.seconds, 3),
        )
        level = logging.INFO if outcome.status != states.FAILED else logging.WARNING
        _log.log(level, "image scanned", extra=told)


def address_of(settings: Settings) -> Address:
    """Where this server answers to a scanner on the same machine.

    Over TLS, and where it does not listen on the loopback, the scanner is not to insist on a
    certificate: it may be for another name, and a password is good for one image alone.
    """
    host = _EVERYWHERE.get(settings.host, settings.host)
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    secure = settings.tls_cert is not None
    return Address(f"{host}:{settings.port}", tls=secure or not host.startswith(_LOCAL))


def passes_of(ground: Ground) -> Passes:
    """What makes and opens the scanner's passwords."""
    return Passes(ground.keys.secret("scan passes"))


def shelved(settings: Settings, ground: Ground, stores: Stores, trivy: Trivy) -> Scanner:
    """The scanner, with this registry's own databases where nothing else is set."""
    wanted = []
    if settings.trivy_database is None and settings.trivy_server is None:
        wanted.append(VULNERABILITIES)
    if settings.trivy_java_database is None:
        wanted.append(JAVA)
    if not wanted:
        return trivy
    shelf = Shelf(
        settings.scope,
        stores.repositories,
        stores.images,
        passes_of(ground),
        address_of(settings),
    )
    return OwnDatabase(trivy, shelf, wanted)


def scanning_of(
    settings: Settings,
    ground: Ground,
    stores: Stores,
    metrics: Metrics,
    scanner: Scanner,
    *,
    reader: Reader,
) -> Scanning:
    """What scans over the ground."""
    database = ground.database
    watch = Watch(scanner, remote=settings.trivy_server is not None)
    worker = Worker(
        database,
        stores.images,
        Reports(Vault(ground.storage, ground.provider)),
        Queue(database, settings.scan_workers),
        scanner=scanner,
        watch=watch,
        passes=passes_of(ground),
        address=address_of(settings),
        vex=stores.vex,
        reader=reader,
        attaching=AttachingRows(settings.attached_forms),
        timeout=timedelta(seconds=settings.scan_timeout),
    )
    rescans = Rescans(database, duration=settings.scan_duration)
    return Scanning(worker, rescans, watch, Task(database, TASK, held=_HELD), metrics)


def scan_works(
    settings: Settings, ground: Ground, stores: Stores, metrics: Metrics, scanner: Scanner
) -> Sequence[Work]:
    """What each worker process does: as many scans at once as all of them may make.

    The last is to be ended first: it ends the scanner, which may take minutes by itself.
    """
    reader = Reader(Apart())
    scanning = scanning_of(settings, ground, stores, metrics, scanner, reader=reader)
    update = timedelta(hours=settings.scan_database_hours)
    ended = threading.Event()

    def end(stop: threading.Event) -> None:
        stop.wait()
        ended.set()
        scanner.stop()
        reader.stop()

    def scan(stop: threading.Event) -> None:
        scanning.scan(lambda: stop.is_set() or ended.is_set())

    def look(stop: threading.Event) -> None:
        scanning.look(lambda: stop.is_set() or ended.is_set(), update)

    each = [Work(f"scan-{number}", scan, SECONDS) for number in range(settings.scan_workers)]
    return [*each, Work("scanner", look, SECONDS), Work("scanner-end", end, 0.0)]


def following_works(
    settings: Settings, ground: Ground, stores: Stores, writer: ReportWriter
) -> Sequence[Work]:
    """What is done after scans."""
    rows = AttachingRows(settings.attached_forms)
    recounting = Recounting(ground.database, stores.scans, rows.note)
    attachments = Attachments(stores.images, stores.uploads, writer)
    attaching = Attaching(ground.database, writer, attachments, rows)
    return [
        Work("vex", recounting.run, RECOUNT_SECONDS),
        Work("attaching", attaching.run, ATTACHING_SECONDS),
    ]
