"""Garbage collection as a server does it: now and then, counted and logged."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

from registry.domain.garbage import Freed, Garbage
from registry.http.logs import fields
from registry.http.metrics import Metrics

EVERY = timedelta(minutes=10)
"""How often it runs; more often where the grace period is very short."""

_LOOK_SECONDS = 60.0

_log = logging.getLogger("moorage.garbage")


class Collection:
    """The collections of one worker; all workers together make one every ten minutes."""

    def __init__(self, garbage: Garbage, metrics: Metrics, grace: timedelta) -> None:
        self._garbage = garbage
        self._metrics = metrics
        self._every = min(EVERY, grace / 4)

    @property
    def seconds(self) -> float:
        """How often `run` is to be called; most times it finds that nothing is due."""
        return min(max(self._every.total_seconds(), 0.1), _LOOK_SECONDS)

    def run(self, stop: threading.Event) -> None:
        """Collect, if no other worker does or has just done so. Raises Unavailable."""
        freed = self._garbage.run(stop, every=self._every, report=self._count)
        if freed is None:
            return
        self._metrics.collection_ended()
        if freed.count:
            told = fields(
                blobs=freed.blobs, uploads=freed.uploads, objects=freed.objects, bytes=freed.bytes
            )
            _log.info("garbage collected", extra=told)

    def _count(self, freed: Freed) -> None:
        self._metrics.collected("blobs", freed.blob_bytes)
        self._metrics.collected("uploads", freed.upload_bytes)
        self._metrics.collected("objects", freed.object_bytes)
