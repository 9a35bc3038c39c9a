"""Applies plans to the rows, each in one transaction: a crash leaves it done or not done."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.aws.errors import ServiceError
from registry.ecs.control import clusters, service_rows, tags, task_rows
from registry.ecs.control.placement import Unplaced
from registry.ecs.control.scheduling import reading, words
from registry.ecs.control.scheduling.planning import plan
from registry.ecs.control.scheduling.reading import Seen
from registry.ecs.control.scheduling.starting import start
from registry.ecs.control.scheduling.views import (
    COMPLETED,
    PLACING_DELAY_MAX,
    Plan,
    Rollout,
    delay,
)
from registry.ecs.statuses import StopCode
from registry.ecs.store.tables import revisions, services, tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.database.database import Database
    from registry.ecs.control.clusters import Cluster
    from registry.ecs.control.service_rows import Service

_FIRST_PLACING_DELAY = 5.0


class Scheduler:
    """Keeps services at what they are meant to be. One process at a time runs it."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since 1970."""
        self._database = database
        self._clock = clock

    def step(self) -> int:
        """Do what services need now; how many needed something."""
        now = self._clock()
        with self._database.read() as connection:
            due = _due(connection, now)
        for number in due:
            with self._database.write() as connection:
                self._apply(connection, number, now)
        return len(due)

    def _apply(self, connection: sa.Connection, number: int, now: float) -> None:
        service = service_rows.by_id(connection, number)
        seen = reading.everything(connection, now, only=number)[number]
        if service.status == service_rows.INACTIVE or not seen.revisions:
            return
        decided = _decide(connection, service, seen, now)
        _write(connection, service, seen, decided, now)


def _due(connection: sa.Connection, now: float) -> list[int]:
    """Services whose plan is not empty."""
    seen = reading.everything(connection, now)
    living = sa.select(services).where(services.c.status != service_rows.INACTIVE)
    known: dict[int, Cluster] = {}
    found = []
    for row in connection.execute(living).all():
        if row.cluster_id not in known:
            known[row.cluster_id] = clusters.by_id(connection, row.cluster_id)
        service = service_rows.of(row, known[row.cluster_id])
        if row.id in seen and _decide(connection, service, seen[row.id], now):
            found.append(row.id)
    return found


def _decide(connection: sa.Connection, service: Service, seen: Seen, now: float) -> Plan:
    places = reading.places_of(connection, service.cluster) if service.daemon else None
    rollouts = [each.rollout for each in seen.revisions]
    current = {each.id for each in seen.revisions if each.status != service_rows.INACTIVE}
    decided = plan(reading.view(service, places), rollouts, seen.tasks, seen.losses, now)
    retired = tuple(each for each in decided.retired if each in current)
    if places is not None and service.desired_count != len(places):
        return replace(decided, retired=retired, desired=len(places))
    return replace(decided, retired=retired)


def _write(
    connection: sa.Connection, service: Service, seen: Seen, decided: Plan, now: float
) -> None:
    _count(connection, decided)
    for stop in decided.stops:
        task = task_rows.by_id(connection, stop.task)
        if task is not None:
            task_rows.stop(connection, task, StopCode.SERVICE_SCHEDULER_INITIATED, stop.reason)
    old = {each.id for each in seen.revisions if each.status == service_rows.INACTIVE}
    for rollout in decided.rollouts:
        if rollout.primary or rollout.id not in old:
            service_rows.save_rollout(connection, rollout)
    for number in decided.retired:
        mine = revisions.c.id == number
        connection.execute(sa.update(revisions).where(mine).values(status=service_rows.INACTIVE))
    _end(connection, service, decided, now)
    started = _start(connection, service, seen, decided, now)
    service_rows.say(connection, service.id, [*decided.events, *started])
    if decided.desired is not None:
        mine = services.c.id == service.id
        connection.execute(sa.update(services).where(mine).values(desired_count=decided.desired))
    if decided.inactive:
        mine = services.c.id == service.id
        connection.execute(sa.update(services).where(mine).values(status=service_rows.INACTIVE))
        tags.remove(connection, service.arn)


def _count(connection: sa.Connection, decided: Plan) -> None:
    if decided.counted:
        mine = tasks.c.id.in_(decided.counted)
        connection.execute(sa.update(tasks).where(mine).values(counted=True))


def _end(connection: sa.Connection, service: Service, decided: Plan, now: float) -> None:
    """Write what became of the deployment in hand."""
    if decided.verdict == COMPLETED:
        done = next(each.id for each in decided.rollouts if each.primary)
        mine = services.c.id == service.id
        connection.execute(sa.update(services).where(mine).values(completed_revision=done))
    moment = datetime.fromtimestamp(now, UTC)
    row = service_rows.going_on(connection, service.id)
    if decided.verdict is None or row is None:
        return
    back = row.status == service_rows.ROLLING_BACK
    if decided.verdict == COMPLETED:
        status, reason = ("ROLLBACK_SUCCESSFUL" if back else "SUCCESSFUL"), ""
        if back:
            reason = "Service deployment rolled back."
        service_rows.end_deployment(connection, service.id, status, reason, moment)
        return
    reason = "Service deployment rolled back because the circuit breaker threshold was exceeded."
    target = next((each for each in decided.rollouts if each.primary and each.rollback), None)
    if target is not None and not back:
        service_rows.begin_rollback(connection, service.id, target.id, reason, moment)
        return
    status = "ROLLBACK_FAILED" if back else "STOPPED"
    reason = "The circuit breaker threshold was exceeded: tasks failed to start."
    service_rows.end_deployment(connection, service.id, status, reason, moment)


def _start(
    connection: sa.Connection, service: Service, seen: Seen, decided: Plan, now: float
) -> list[str]:
    """Begin tasks as far as there is room for them; what is to be said of it."""
    made: list[str] = []
    by_id = {each.id: each for each in seen.revisions}
    changed = {each.id: each for each in decided.rollouts}
    said = []
    for each in decided.starts:
        revision = by_id[each.rollout]
        number = sum(task.rollout == each.rollout for task in seen.tasks) + len(made)
        try:
            made.append(start(connection, service, revision, number, each.place))
        except (Unplaced, ServiceError) as error:
            rollout = changed.get(each.rollout, revision.rollout)
            service_rows.save_rollout(connection, _postponed(rollout, now))
            said.append(_unplaced(service, error))
            break
    if made:
        said.insert(0, words.started(service.name, made))
    return said


def _postponed(rollout: Rollout, now: float) -> Rollout:
    rounds = rollout.rounds + 1
    wait = max(_FIRST_PLACING_DELAY, delay(rounds, PLACING_DELAY_MAX))
    return replace(
        rollout, rounds=rounds, failed=rollout.failed + 1, retry_at=now + wait, steady=False
    )


def _unplaced(service: Service, error: Unplaced | ServiceError) -> str:
    if isinstance(error, ServiceError):
        return f"(service {service.name}) was unable to place a task. Reason: {error.message}."
    instance = None if error.arn is None else error.arn.rpartition("/")[2]
    return words.unplaced(service.name, error.reason, instance)
