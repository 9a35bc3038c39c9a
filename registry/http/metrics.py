"""What the server counts for Prometheus.

With several workers, prometheus_client keeps each worker's numbers in files of one directory
(`PROMETHEUS_MULTIPROC_DIR`, made fresh by `registry/server.py` before the workers start) and a
scrape of any worker adds them up.
"""

from __future__ import annotations

import os
import re

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600)
"""Bounds of the request histogram: a cached manifest takes half a millisecond, a layer minutes."""

LABELS_MAX = 800
"""Different values of one label: more than there are operations; past it a value is `other`."""

_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,63}", re.ASCII)


class Metrics:
    """The counters of one process. Label values come from our own code, and are bounded anyway."""

    def __init__(self) -> None:
        # As many lines again, which nobody graphs.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # it is not annotated
        self._registry = CollectorRegistry()
        self._known: set[str] = set()
        self._requested: dict[tuple[str, str, str, str], tuple[Counter, Histogram]] = {}
        self._requests = Counter(
            "moorage_http_requests",
            "Requests answered.",
            ("surface", "operation", "repository_kind", "outcome"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "moorage_http_request_seconds",
            "Seconds from a request's head to the end of its answer.",
            ("surface", "operation"),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._bytes = Counter(
            "moorage_bytes",
            "Bytes of request bodies (in) and response bodies (out).",
            ("direction", "repository_kind"),
            registry=self._registry,
        )
        self._uploads = Counter(
            "moorage_uploads",
            "Uploads of blobs and manifests that ended.",
            ("repository_kind", "outcome"),
            registry=self._registry,
        )
        self._collected = Counter(
            "moorage_gc_freed_bytes",
            "Bytes that the garbage collection freed.",
            ("kind",),
            registry=self._registry,
        )
        self._collections = Gauge(
            "moorage_gc_last_run_seconds",
            "When a garbage collection last came to its end, in seconds since 1970.",
            registry=self._registry,
            multiprocess_mode="max",
        )
        self._replicated = Counter(
            "moorage_replications",
            "Attempts to bring an image, or a deletion, to another registry of this server.",
            ("outcome",),
            registry=self._registry,
        )
        self._held = Gauge(
            "moorage_held_bytes",
            "Bytes that repositories hold, that only deleted things hold, that are stored.",
            ("kind",),
            registry=self._registry,
            multiprocess_mode="mostrecent",
        )
        self._lifecycle = Counter(
            "moorage_lifecycle_images",
            "Images that lifecycle policies expired or archived, or had to leave for a later run.",
            ("action",),
            registry=self._registry,
        )
        self._lifecycle_runs = Gauge(
            "moorage_lifecycle_last_run_seconds",
            "When a lifecycle policy last ran to its end, in seconds since 1970.",
            registry=self._registry,
            multiprocess_mode="max",
        )
        self._deliveries = Counter(
            "moorage_event_deliveries",
            "Attempts to deliver an event.",
            ("kind", "outcome"),
            registry=self._registry,
        )
        self._waiting = Gauge(
            "moorage_events_waiting",
            "Deliveries of events that wait.",
            registry=self._registry,
            multiprocess_mode="mostrecent",
        )
        self._dead = Gauge(
            "moorage_events_given_up",
            "Deliveries of events that were given up: dead letters.",
            registry=self._registry,
            multiprocess_mode="mostrecent",
        )
        self._events_lost = Counter(
            "moorage_events_lost",
            "Dead letters that were dropped, and pulls that there was no room to tell of.",
            registry=self._registry,
        )
        self._gated = Counter(
            "moorage_gate_refusals",
            "Pulls that a gate refused, or would have refused but for its dry run.",
            ("rule", "outcome"),
            registry=self._registry,
        )
        self._scanner = Gauge(
            "moorage_scanner_available",
            "Whether images can be scanned: 1 or 0.",
            registry=self._registry,
            multiprocess_mode="mostrecent",
        )
        self._scans = Counter(
            "moorage_scans",
            "Scans of images that ended, by what came of them; retry: they are tried again.",
            ("outcome",),
            registry=self._registry,
        )
        self._scan_seconds = Histogram(
            "moorage_scan_seconds",
            "Seconds that scans took.",
            buckets=SECONDS,
            registry=self._registry,
        )
        self._audit_lost = Counter(
            "moorage_audit_events_lost",
            "Events that the audit log had no room for.",
            registry=self._registry,
        )

    def request(
        self, surface: str, operation: str, kind: str, outcome: str, seconds: float
    ) -> None:
        """Count one request; `seconds` is how long it took."""
        key = (surface, operation, kind, outcome)
        known = self._requested.get(key)
        if known is None:
            known = self._request_children(*key)
        known[0].inc()
        known[1].observe(seconds)

    def _request_children(
        self, surface: str, operation: str, kind: str, outcome: str
    ) -> tuple[Counter, Histogram]:
        """The two that count requests of one sort, kept: finding them costs more than counting."""
        bounded = tuple(map(self._bounded, (surface, operation, kind)))
        found = self._requests.labels(*bounded, outcome), self._seconds.labels(*bounded[:2])
        if bounded == (surface, operation, kind):
            self._requested[surface, operation, kind, outcome] = found
        return found

    def transferred(self, direction: str, kind: str, count: int) -> None:
        """Count bytes, `in` or `out`."""
        if count:
            self._bytes.labels(direction, self._bounded(kind)).inc(count)

    def upload(self, kind: str, outcome: str) -> None:
        """Count one upload that ended: stored, refused, interrupted, failed or cancelled."""
        self._uploads.labels(self._bounded(kind), self._bounded(outcome)).inc()

    def audit_lost(self, count: int) -> None:
        """Count events that the audit log lost."""
        self._audit_lost.inc(count)

    def gated(self, rule: str, outcome: str) -> None:
        """Count a pull that was `refused` by a rule of a gate, or is `would_refuse`."""
        self._gated.labels(rule, outcome).inc()

    def replicated(self, status: str) -> None:
        """Count one attempt, by how the work stands after it, such as `COMPLETE`."""
        self._replicated.labels(status.lower()).inc()

    def events(self, kind: str, outcome: str, count: int) -> None:
        """Count deliveries to a `log` or a `webhook`: `delivered` or `failed`."""
        if count:
            self._deliveries.labels(kind, outcome).inc(count)

    def events_queued(self, waiting: int, given_up: int) -> None:
        """So many deliveries wait, and so many are dead letters."""
        self._waiting.set(waiting)
        self._dead.set(given_up)

    def events_lost(self, count: int) -> None:
        """Count deliveries that nobody can try again."""
        self._events_lost.inc(count)

    def scanner_available(self, *, available: bool) -> None:
        """Images can be scanned, or cannot."""
        self._scanner.set(int(available))

    def scanned(self, outcome: str, seconds: float) -> None:
        """Count a scan that ended."""
        self._scans.labels(self._bounded(outcome)).inc()
        self._scan_seconds.observe(seconds)

    def collected(self, kind: str, count: int) -> None:
        """Count bytes that the collection freed: `blobs`, `uploads` or `objects`."""
        if count:
            self._collected.labels(kind).inc(count)

    def collection_ended(self) -> None:
        """A collection came to its end now."""
        self._collections.set_to_current_time()

    def held(self, kind: str, count: int) -> None:
        """So many bytes are held now: `used`, `resting` or `stored`."""
        self._held.labels(self._bounded(kind)).set(count)

    def lifecycle(self, action: str, count: int) -> None:
        """Count images that policies `expired`, `archived` or `kept`, or that `followed`."""
        if count:
            self._lifecycle.labels(action).inc(count)

    def lifecycle_ran(self) -> None:
        """A lifecycle policy ran to its end now."""
        self._lifecycle_runs.set_to_current_time()

    def exposition(self) -> bytes:
        """All of it in Prometheus's text format, over every worker of the server."""
        if MULTIPROCESS not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # it is not annotated
        return generate_latest(together)

    def _bounded(self, value: str) -> str:
        if value in self._known:
            return value
        if len(self._known) >= LABELS_MAX or _LABEL.fullmatch(value) is None:
            return "other"
        self._known.add(value)
        return value
