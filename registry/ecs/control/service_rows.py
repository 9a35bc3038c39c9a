"""Services, their revisions, deployments and events as rows.

Source: ECS API reference, Service, Deployment, ServiceEvent, ServiceRevision.
"""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.ecs import arns
from registry.ecs.control import clusters
from registry.ecs.control.scheduling.views import Rollout
from registry.ecs.store.tables import deployments, revisions, service_events, services

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.ecs.control.clusters import Cluster

ACTIVE, DRAINING, INACTIVE = "ACTIVE", "DRAINING", "INACTIVE"
PRIMARY = "PRIMARY"
REPLICA, DAEMON = "REPLICA", "DAEMON"
GOING, ROLLING_BACK = "IN_PROGRESS", "ROLLBACK_IN_PROGRESS"
EVENTS_MAX = 100


@dataclass(frozen=True, slots=True)
class Service:
    """One service."""

    id: int
    cluster: Cluster
    name: str
    status: str
    desired_count: int
    document: Mapping[str, Any]
    """By the model's names, but for what each revision has of its own."""
    created_at: datetime

    @property
    def arn(self) -> str:
        """Its ARN."""
        return arns.service_arn(self.cluster.scope, self.cluster.name, self.name)

    @property
    def daemon(self) -> bool:
        """Whether each container instance is to run one of its tasks."""
        return bool(self.document["schedulingStrategy"] == DAEMON)


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision, and how far it is."""

    id: str
    service_id: int
    status: str
    document: Mapping[str, Any]
    """taskDefinition, launchType, capacityProviderStrategy, platformVersion,
    networkConfiguration; `healthChecked`: whether its tasks have health checks."""
    rollout: Rollout
    created_at: datetime
    updated_at: datetime


def find(connection: sa.Connection, cluster: Cluster, given: str) -> Service | None:
    """The newest service that a name or an ARN means, INACTIVE or not. Raises ServiceError."""
    name = arns.short_id(cluster.scope, given, "service")
    statement = (
        sa.select(services)
        .where(services.c.cluster_id == cluster.id, services.c.name == name)
        .order_by(services.c.id.desc())
    )
    row = connection.execute(statement).first()
    return None if row is None else of(row, cluster)


def by_id(connection: sa.Connection, number: int) -> Service:
    """The service of a row that refers to it."""
    row = connection.execute(sa.select(services).where(services.c.id == number)).one()
    return of(row, clusters.by_id(connection, row.cluster_id))


def of(row: sa.Row[Any], cluster: Cluster) -> Service:
    """The service of a row."""
    return Service(
        row.id, cluster, row.name, row.status, row.desired_count, row.document, row.created_at
    )


def revision_of(row: sa.Row[Any]) -> Revision:
    """The revision of a row."""
    rollout = Rollout.of(row.id, primary=row.status == PRIMARY, kept=row.rollout)
    return Revision(
        row.id, row.service_id, row.status, row.document, rollout, row.created_at, row.updated_at
    )


def every_revision(connection: sa.Connection, service_id: int) -> list[Revision]:
    """All revisions of a service, the newest first."""
    statement = (
        sa.select(revisions)
        .where(revisions.c.service_id == service_id)
        .order_by(revisions.c.created_at.desc(), revisions.c.id)
    )
    return [revision_of(row) for row in connection.execute(statement)]


def primary_of(found: Sequence[Revision]) -> Revision:
    """The one that is wanted."""
    return next(each for each in found if each.status == PRIMARY)


def say(connection: sa.Connection, service_id: int, messages: Sequence[str]) -> None:
    """Add events, and drop those that are shown no longer."""
    if not messages:
        return
    now = datetime.now(UTC)
    rows = [{"service_id": service_id, "message": each, "created_at": now} for each in messages]
    connection.execute(sa.insert(service_events), rows)
    mine = service_events.c.service_id == service_id
    kept = (
        sa.select(service_events.c.id)
        .where(mine)
        .order_by(service_events.c.id.desc())
        .limit(EVENTS_MAX)
    )
    gone = sa.delete(service_events).where(mine, service_events.c.id.not_in(kept))
    connection.execute(gone)


def events(connection: sa.Connection, service_id: int) -> list[dict[str, Any]]:
    """The last hundred, the newest first, as the model's ServiceEvents."""
    statement = (
        sa.select(service_events)
        .where(service_events.c.service_id == service_id)
        .order_by(service_events.c.id.desc())
    )
    return [
        {
            "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{row.service_id} {row.id}")),
            "createdAt": row.created_at,
            "message": row.message,
        }
        for row in connection.execute(statement)
    ]


def deploy(connection: sa.Connection, service: Service, document: Mapping[str, Any]) -> str:
    """Make a new revision the one that is wanted, with a deployment that brings it; its id."""
    now = datetime.now(UTC)
    number = str(secrets.randbelow(9 * 10**18) + 10**18)
    sources = [
        each.id for each in every_revision(connection, service.id) if each.status != INACTIVE
    ]
    mine = sa.and_(revisions.c.service_id == service.id, revisions.c.status == PRIMARY)
    connection.execute(sa.update(revisions).where(mine).values(status=ACTIVE, updated_at=now))
    superseded(connection, service.id, now)
    rollout = Rollout(number, reason=f"ECS deployment ecs-svc/{number} in progress.")
    values = {
        "id": number,
        "service_id": service.id,
        "status": PRIMARY,
        "document": dict(document),
        "rollout": rollout.kept,
        "created_at": now,
        "updated_at": now,
    }
    connection.execute(sa.insert(revisions).values(values))
    begun = {
        "id": secrets.token_urlsafe(15),
        "service_id": service.id,
        "status": GOING,
        "revision": number,
        "document": {
            "sources": sources,
            "deploymentConfiguration": service.document["deploymentConfiguration"],
        },
        "created_at": now,
        "updated_at": now,
    }
    connection.execute(sa.insert(deployments).values(begun))
    return number


def superseded(connection: sa.Connection, service_id: int, now: datetime) -> None:
    """End the deployment that goes on, as another one comes."""
    end_deployment(connection, service_id, "STOPPED", "A newer service deployment began.", now)


def going_on(connection: sa.Connection, service_id: int) -> sa.Row[Any] | None:
    """The row of the deployment that goes on."""
    mine = sa.and_(deployments.c.service_id == service_id, deployments.c.finished_at.is_(None))
    return connection.execute(sa.select(deployments).where(mine)).first()


def end_deployment(
    connection: sa.Connection, service_id: int, status: str, reason: str, now: datetime
) -> None:
    """Write how the deployment that goes on ended."""
    row = going_on(connection, service_id)
    if row is None:
        return
    document = {**row.document, "statusReason": reason}
    if status in {"STOPPED", "ROLLBACK_FAILED"}:
        document["stoppedAt"] = now.timestamp()
    values = {"status": status, "document": document, "updated_at": now, "finished_at": now}
    connection.execute(sa.update(deployments).where(deployments.c.id == row.id).values(values))


def begin_rollback(
    connection: sa.Connection, service_id: int, target: str, reason: str, now: datetime
) -> None:
    """Have the deployment that goes on lead back to `target`."""
    row = going_on(connection, service_id)
    if row is None:
        return
    rollback = {"reason": reason, "startedAt": now.timestamp(), "revision": target}
    document = {**row.document, "rollback": rollback, "statusReason": reason}
    values = {"status": ROLLING_BACK, "document": document, "updated_at": now}
    connection.execute(sa.update(deployments).where(deployments.c.id == row.id).values(values))


def save_rollout(connection: sa.Connection, rollout: Rollout) -> None:
    """Write how far a revision is, and whether it is the one that is wanted."""
    values = {
        "status": PRIMARY if rollout.primary else ACTIVE,
        "rollout": rollout.kept,
        "updated_at": datetime.now(UTC),
    }
    connection.execute(sa.update(revisions).where(revisions.c.id == rollout.id).values(values))
