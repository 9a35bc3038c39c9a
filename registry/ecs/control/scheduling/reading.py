"""From rows to what the scheduler looks at."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.ecs.control import instances, service_rows
from registry.ecs.control.scheduling.views import Breaker, Loss, ServiceView, TaskView
from registry.ecs.statuses import DesiredStatus, HealthStatus, StopCode, TaskStatus
from registry.ecs.store.tables import revisions, services, tasks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.ecs.control.clusters import Cluster
    from registry.ecs.control.service_rows import Revision, Service

_UNHEALTHY, _HEALTHY = HealthStatus.UNHEALTHY.value, HealthStatus.HEALTHY.value
_ASKED_FOR = frozenset({StopCode.USER_INITIATED.value, StopCode.SERVICE_SCHEDULER_INITIATED.value})


@dataclass(slots=True)
class Seen:
    """All of one service that a plan needs."""

    revisions: list[Revision] = field(default_factory=list)
    tasks: list[TaskView] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)


def everything(connection: sa.Connection, now: float, only: int | None = None) -> dict[int, Seen]:
    """By service, of those that are not INACTIVE; of one alone with `only`."""
    found: dict[int, Seen] = defaultdict(Seen)
    wanted = sa.or_(
        revisions.c.status != service_rows.INACTIVE,
        revisions.c.id == services.c.completed_revision,
    )
    statement = (
        sa.select(revisions)
        .join(services, services.c.id == revisions.c.service_id)
        .where(services.c.status != service_rows.INACTIVE, wanted)
    )
    if only is not None:
        statement = statement.where(services.c.id == only)
    checked: dict[str, bool] = {}
    for row in connection.execute(statement):
        revision = service_rows.revision_of(row)
        found[row.service_id].revisions.append(revision)
        checked[row.id] = revision.document["healthChecked"]
    for row in connection.execute(_tasks(only)):
        if row.service_id not in found:
            continue
        if row.last_status == TaskStatus.STOPPED.value:
            found[row.service_id].losses.append(_loss(row))
        else:
            view = _task(row, now, checked=checked.get(row.deployment_id, False))
            found[row.service_id].tasks.append(view)
    return found


def _tasks(only: int | None) -> sa.Select[Any]:
    shown = tasks.c.document
    open_ones = sa.or_(
        tasks.c.last_status != TaskStatus.STOPPED.value, tasks.c.counted == sa.false()
    )
    mine = tasks.c.service_id.is_not(None) if only is None else tasks.c.service_id == only
    return (
        sa.select(
            tasks.c.id,
            tasks.c.service_id,
            tasks.c.deployment_id,
            tasks.c.instance_id,
            tasks.c.last_status,
            tasks.c.desired_status,
            tasks.c.created_at,
            shown["healthStatus"].as_string().label("health"),
            shown["protectedUntil"].as_float().label("protected"),
            shown["startedAt"].as_float().label("started"),
            shown["stopCode"].as_string().label("code"),
        )
        .where(mine, open_ones)
        .order_by(tasks.c.created_at, tasks.c.id)
    )


def _task(row: sa.Row[Any], now: float, *, checked: bool) -> TaskView:
    running = row.last_status == TaskStatus.RUNNING.value
    return TaskView(
        id=row.id,
        rollout=row.deployment_id,
        place=row.instance_id,
        running=running,
        healthy=running and (row.health == _HEALTHY if checked else row.health != _UNHEALTHY),
        unhealthy=running and row.health == _UNHEALTHY,
        stopping=row.desired_status == DesiredStatus.STOPPED.value,
        protected=row.protected is not None and row.protected > now,
        created=row.created_at.timestamp(),
    )


def _loss(row: sa.Row[Any]) -> Loss:
    failed = row.started is None and row.code not in _ASKED_FOR
    return Loss(row.id, row.deployment_id, failed or row.health == _UNHEALTHY)


def view(service: Service, places: tuple[str, ...] | None) -> ServiceView:
    """What a service is meant to be."""
    configuration = service.document["deploymentConfiguration"]
    return ServiceView(
        name=service.name,
        desired=service.desired_count,
        minimum=configuration["minimumHealthyPercent"],
        maximum=configuration["maximumPercent"],
        breaker=breaker_of(configuration.get("deploymentCircuitBreaker")),
        draining=service.status == service_rows.DRAINING,
        places=places,
    )


def breaker_of(given: Mapping[str, Any] | None) -> Breaker:
    """A DeploymentCircuitBreaker."""
    if not given:
        return Breaker()
    threshold = given.get("thresholdConfiguration") or {"type": "BOUNDED_PERCENT", "value": 50}
    return Breaker(
        enabled=bool(given["enable"]),
        rollback=bool(given["rollback"]),
        kind=threshold["type"],
        value=threshold["value"],
        resets=bool(given.get("resetOnHealthyTask", True)),
    )


def places_of(connection: sa.Connection, cluster: Cluster) -> tuple[str, ...]:
    """The container instances that a daemon runs on."""
    found = instances.in_cluster(connection, cluster)
    return tuple(sorted(each.id for each in found if each.status == instances.ACTIVE))
