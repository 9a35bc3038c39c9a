"""Lifecycle policies as a server runs them: now and then, counted and logged."""

from __future__ import annotations

import logging
import threading

from registry.domain.lifecycle.acting import Done
from registry.domain.lifecycle.stores import Lifecycle
from registry.http.logs import fields
from registry.http.metrics import Metrics

SECONDS = 2.0
"""How often a worker looks whether a policy is due; most times none is."""
PREVIEW_SECONDS = 1.0
"""How often it looks for previews that were asked for."""

_log = logging.getLogger("moorage.lifecycle")


class Lifecycling:
    """The runs of one worker; one worker at a time runs policies."""

    def __init__(self, lifecycle: Lifecycle, metrics: Metrics) -> None:
        self._lifecycle = lifecycle
        self._metrics = metrics

    def run(self, stop: threading.Event) -> None:
        """Run what is due. Raises Unavailable."""
        for reporter in self._lifecycle.uses.lapse():
            _log.warning("a report of images in use lapsed", extra=fields(reporter=reporter))
        if followed := self._lifecycle.following.run(stop):
            self._metrics.lifecycle("followed", followed)
            _log.info("images followed what was deleted", extra=fields(images=followed))
        for ran in self._lifecycle.runs.run(stop, self._count):
            self._metrics.lifecycle_ran()
            if ran.done.count:
                done, name = ran.done, ran.repository.name
                told = fields(
                    repository=name, expired=done.expired, archived=done.archived, kept=done.kept
                )
                _log.info("lifecycle policy ran", extra=told)

    def preview(self, stop: threading.Event) -> None:
        """Work out the previews that were asked for. Raises Unavailable."""
        self._lifecycle.previews.run(stop)

    def _count(self, done: Done) -> None:
        self._metrics.lifecycle("expired", done.expired)
        self._metrics.lifecycle("archived", done.archived)
        self._metrics.lifecycle("kept", done.kept)
