"""How much is held, counted now and then for the metrics."""

from __future__ import annotations

import threading
from dataclasses import asdict
from datetime import timedelta

from registry.database.database import Database
from registry.domain.tasks import Task
from registry.domain.usage import Usage
from registry.http.metrics import Metrics

SECONDS = 20.0
EVERY = timedelta(minutes=5)
"""It adds up all blobs, so all workers together do it only so often."""


class Measuring:
    """The gauges of one server; one worker at a time sets them."""

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._usage = Usage(database)
        self._task = Task(database, "usage")
        self._metrics = metrics

    def run(self, _stop: threading.Event) -> None:
        """Measure, if no other worker has just done so. Raises Unavailable."""
        if not self._task.take(EVERY):
            return
        try:
            for kind, count in asdict(self._usage.server()).items():
                self._metrics.held(kind, count)
        finally:
            self._task.release(finished=True)
