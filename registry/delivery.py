"""Delivery of events as a server does it: at all times, counted and logged."""

from __future__ import annotations

import logging
import threading

from registry.config import Settings
from registry.domain.events.deliveries import Load, Queue
from registry.domain.events.log import EventLog
from registry.domain.events.pusher import LOOK, Courier, Pusher
from registry.domain.pulls import Pulls
from registry.domain.tasks import now
from registry.ground import Ground
from registry.http.logs import fields
from registry.http.metrics import Metrics
from registry.stores import event_queue_of, event_targets_of

_log = logging.getLogger("moorage.events")


class Delivery:
    """The deliveries of one worker; of all workers one delivers at a time."""

    seconds = LOOK
    """How long after a start, or an error, deliveries begin."""

    def __init__(self, pusher: Pusher, queue: Queue, metrics: Metrics, pulls: Pulls) -> None:
        self._pusher = pusher
        self._queue = queue
        self._metrics = metrics
        self._pulls = pulls

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop` is set. Raises Unavailable."""
        self._pusher.run(stop, self.sweep)

    def tell_pulls(self, _stop: threading.Event) -> None:
        """Let the targets be told of the pulls since the last time, and of what dead workers had
        not told. Raises Unavailable.
        """
        self._pulls.recover()
        if lost := self._pulls.tell():
            self._metrics.events_lost(lost)
            _log.error("%d pulls were lost: the journal cannot be written", lost)

    def sweep(self) -> None:
        """Give up what is too old or too much, and count what there is."""
        if dropped := self._queue.sweep(now()):
            self._metrics.events_lost(dropped)
            _log.warning("dead letters dropped", extra=fields(count=dropped))
        loads = self._queue.loads().values()
        total = Load(sum(each.waiting for each in loads), sum(each.dead for each in loads))
        self._metrics.events_queued(total.waiting, total.dead)


def delivery_of(settings: Settings, ground: Ground, metrics: Metrics) -> Delivery:
    """What delivers over the ground; the log is a target or is none, as the settings say."""
    targets, queue = event_targets_of(ground), event_queue_of(settings, ground)
    targets.keep_log(on=settings.event_log)
    log = EventLog(settings.event_path, settings.event_log_days)
    local = settings.event_local_targets
    courier = Courier(queue, targets, log, local=local, count=metrics.events)
    pusher = Pusher(ground.database, queue, courier)
    return Delivery(pusher, queue, metrics, ground.pulls)
