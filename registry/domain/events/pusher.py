"""Deliveries, as a server makes them: a thread for each target that something waits for.

Each target gets its events in their order and at its own pace: one that does not answer is tried
again after 1, 2, 4 … seconds, an hour at most, and delays no other. One process at a time does
this (`tasks`). It is killed anywhere: what was not settled is sent again, under the same id.
"""

from __future__ import annotations

import logging
import random
import ssl
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from registry.domain.events.deliveries import Delivery, Failure
from registry.domain.events.log import BATCH_BYTES
from registry.domain.events.webhook import DeliveryFailed, Webhook
from registry.domain.tasks import Task, now
from registry.values.errors import Damaged, EntityNotFound, Unavailable

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.events.deliveries import Queue
    from registry.domain.events.log import EventLog
    from registry.domain.events.targets import Target, Targets

TASK = "events"
"""The name of its lease."""
LOOK = 0.25
"""Seconds between two looks for what is due."""
HELD = timedelta(seconds=20)
"""After a crash of the process that delivers, another one takes over so much later at most."""
DELAY_MAX = 3600.0
REFUSALS_MAX = 8
"""So often an event is shown to a target that answers that it does not want it."""

_BATCH = 50
_LOG_BATCH = 500
"""Each is one commit, which empties every cache: pulls come by the hundred."""
_SETTLE_SECONDS = 1.0
_THREADS = 64
_IDLE_SECONDS = 5.0
_SWEEP_SECONDS = 30.0
_END_SECONDS = 3.0

_log = logging.getLogger("moorage.events")

Count = Callable[[str, str, int], None]
"""Told what became of deliveries: (`log` or `webhook`, `delivered` or `failed`, how many)."""


def no_count(_kind: str, _outcome: str, _count: int) -> None:
    """For who does not want to know."""


class Courier:
    """Delivers what waits for one target."""

    def __init__(
        self,
        queue: Queue,
        targets: Targets,
        log: EventLog,
        *,
        local: bool,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        count: Count = no_count,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """`local`: webhooks may reach loopback and link-local addresses."""
        self._queue = queue
        self._targets = targets
        self._log = log
        self._local = local
        self._make_tls = tls
        self._count = count
        self._clock = clock

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._make_tls()  # reads all authorities: not before it is needed

    def deliver(self, target_id: int, stop: threading.Event) -> None:
        """All that waits, until one fails, there is no more, or `stop` is set."""
        target = self._targets.by_id(target_id)
        try:
            if target.is_log:
                self._write(target, stop)
            else:
                self._send(target, stop)
        except (EntityNotFound, Damaged) as error:
            self._fail(target, [], DeliveryFailed(str(error)))

    def _write(self, target: Target, stop: threading.Event) -> None:
        last = self._log.last_ids()
        while not stop.is_set() and (batch := _short(self._queue.batch(target.id, _LOG_BATCH))):
            fresh = [each for each in batch if each.event_id not in last]
            try:
                self._log.append([each.body for each in fresh])
            except OSError as error:
                _log.error("the event log cannot be written: %s", error.strerror)
                self._fail(target, [], DeliveryFailed(error.strerror or "not written"))
                return
            last = frozenset()
            self._settle(target, batch)

    def _send(self, target: Target, stop: threading.Event) -> None:
        secret = self._targets.secret(target)
        with Webhook(target.url, secret, self._tls, local=self._local) as webhook:
            while not stop.is_set() and (batch := self._queue.batch(target.id, _BATCH)):
                if not self._send_batch(target, webhook, batch, stop):
                    return

    def _send_batch(
        self, target: Target, webhook: Webhook, batch: list[Delivery], stop: threading.Event
    ) -> bool:
        """Whether the target took all that was tried."""
        taken: list[Delivery] = []
        begun = time.monotonic()
        for each in batch:
            if stop.is_set() or time.monotonic() - begun > _SETTLE_SECONDS:
                break
            try:
                webhook.send(each.event_id, each.body, each.attempts + 1)
            except DeliveryFailed as error:
                self._fail(target, taken, error, each)
                return False
            taken.append(each)
        self._settle(target, taken)
        return True

    def _settle(self, target: Target, taken: list[Delivery]) -> None:
        self._queue.settle(target.id, taken)
        self._count(_kind(target), "delivered", len(taken))

    def _fail(
        self,
        target: Target,
        taken: list[Delivery],
        error: DeliveryFailed,
        delivery: Delivery | None = None,
    ) -> None:
        failed = [delivery] if delivery else self._queue.batch(target.id, 1)
        failures = 0 if taken else self._targets.by_id(target.id).failures
        for each in failed:
            final = error.refused and each.attempts + 1 >= REFUSALS_MAX
            moment = self._clock() if final else self._clock() + delay(failures)
            self._queue.settle(target.id, taken, Failure(each, str(error), moment, final))
            self._count(_kind(target), "delivered", len(taken))
            self._count(_kind(target), "failed", 1)


def _short(batch: list[Delivery]) -> list[Delivery]:
    """As many of them as are to be appended together, one at least."""
    size = 0
    for number, each in enumerate(batch):
        size += len(each.body)
        if number and size > BATCH_BYTES:
            return batch[:number]
    return batch


def delay(failures: int) -> timedelta:
    """How long to wait after so many failures in a row before this one; a little at random."""
    seconds = min(2.0 ** min(failures, 30), DELAY_MAX)
    return timedelta(seconds=seconds * random.uniform(0.9, 1.1))  # noqa: S311 - not a secret


def _kind(target: Target) -> str:
    return "log" if target.is_log else "webhook"


class Pusher:
    """Has the courier go to each target in a thread of its own."""

    def __init__(self, database: Database, queue: Queue, courier: Courier) -> None:
        self._queue = queue
        self._courier = courier
        self._task = Task(database, TASK, held=HELD)
        self._threads: dict[int, threading.Thread] = {}
        self._holds = False
        self._halt = threading.Event()
        """Tells the threads of one tenure to come to an end."""

    def run(self, stop: threading.Event, sweep: Callable[[], None]) -> None:
        """Deliver until `stop` is set; `sweep` is called now and then. Raises Unavailable."""
        worked = swept = float("-inf")
        try:
            while not stop.wait(LOOK):
                if time.monotonic() - swept > _SWEEP_SECONDS:
                    sweep()
                    swept = time.monotonic()
                if self._step():
                    worked = time.monotonic()
                elif self._holds and time.monotonic() - worked > _IDLE_SECONDS:
                    self._let_go()
        finally:
            self._halt.set()
            until = time.monotonic() + _END_SECONDS
            for thread in self._threads.values():
                thread.join(max(until - time.monotonic(), 0))
            self._threads = {}
            self._let_go()

    def _step(self) -> bool:
        """Start what is due; whether there was, or is, anything to do."""
        self._threads = {n: each for n, each in self._threads.items() if each.is_alive()}
        due = [each for each in self._queue.due(now()) if each not in self._threads]
        if not due and not self._threads:
            return False
        if not self._hold():
            return False
        for target_id in due[: _THREADS - len(self._threads)]:
            self._start(target_id)
        return True

    def _hold(self) -> bool:
        """Whether it is this process that delivers now."""
        if not self._holds:
            self._holds = self._task.take()
            self._halt = threading.Event() if self._holds else self._halt
        elif not self._task.renew():
            self._holds = False
            self._halt.set()  # whoever has taken over goes on from the rows
        return self._holds

    def _start(self, target_id: int) -> None:
        name = f"events-{target_id}"
        args = (target_id, self._halt)
        thread = threading.Thread(target=self._deliver, args=args, name=name, daemon=True)
        self._threads[target_id] = thread
        thread.start()

    def _deliver(self, target_id: int, halt: threading.Event) -> None:
        try:
            self._courier.deliver(target_id, halt)
        except (EntityNotFound, Unavailable) as error:
            _log.warning("events of target %d: %s; they go on later", target_id, error)
            halt.wait(1)
        except Exception:  # noqa: BLE001 - whatever it is, the next time may be better
            _log.exception("delivering events failed")
            halt.wait(10)

    def _let_go(self) -> None:
        if self._holds:
            self._holds = False
            self._task.release(finished=False)
