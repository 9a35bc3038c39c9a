"""Services as DescribeServices shows them.

Source: ECS API reference, Service, Deployment.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.ecs import arns
from registry.ecs.control import service_rows, tags
from registry.ecs.control.service_rows import INACTIVE, PRIMARY
from registry.ecs.statuses import DesiredStatus, TaskStatus
from registry.ecs.store.tables import tasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.ecs.control.service_rows import Revision, Service

Counts = dict[str, Counter[str]]
"""RUNNING and PENDING tasks, by revision."""
_PENDING = frozenset({TaskStatus.PROVISIONING, TaskStatus.PENDING, TaskStatus.ACTIVATING})
_OF_REVISION = (
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "networkConfiguration",
)


def described(
    connection: sa.Connection, service: Service, include: Sequence[str] = ()
) -> dict[str, Any]:
    """As the model's Service."""
    counts = counted(connection, service.id)
    every = service_rows.every_revision(connection, service.id)
    primary = service_rows.primary_of(every)
    shown = [each for each in every if each.status != INACTIVE]
    shown.sort(key=lambda each: each.status != PRIMARY)
    found = {
        **service.document,
        **{name: primary.document[name] for name in _OF_REVISION if name in primary.document},
        "serviceArn": service.arn,
        "serviceName": service.name,
        "clusterArn": service.cluster.arn,
        "status": service.status,
        "desiredCount": service.desired_count,
        "runningCount": sum(each["RUNNING"] for each in counts.values()),
        "pendingCount": sum(each["PENDING"] for each in counts.values()),
        "taskDefinition": primary.document["taskDefinition"],
        "loadBalancers": [],
        "serviceRegistries": [],
        "taskSets": [],
        "deployments": [_deployment(service, each, counts) for each in shown],
        "events": service_rows.events(connection, service.id),
        "createdAt": service.created_at,
        "currentServiceRevisions": [_summary(service, each, counts) for each in shown],
        "tags": tags.listed(tags.of(connection, service.arn)) if "TAGS" in include else [],
    }
    if "platformVersion" in primary.document:
        found["platformFamily"] = "Linux"
    if service.status == INACTIVE:
        found["deployments"], found["currentServiceRevisions"] = [], []
    going = service_rows.going_on(connection, service.id)
    if going is not None:
        found["currentServiceDeployment"] = arns.service_deployment_arn(
            service.cluster.scope, service.cluster.name, service.name, going.id
        )
    return found


def counted(connection: sa.Connection, service_id: int) -> Counts:
    """The service's tasks that are not to stop."""
    statement = (
        sa.select(tasks.c.deployment_id, tasks.c.last_status, sa.func.count().label("number"))
        .where(tasks.c.service_id == service_id)
        .where(tasks.c.desired_status == DesiredStatus.RUNNING.value)
        .group_by(tasks.c.deployment_id, tasks.c.last_status)
    )
    found: Counts = {}
    for row in connection.execute(statement):
        kind = "PENDING" if row.last_status in _PENDING else row.last_status
        found.setdefault(row.deployment_id, Counter())[kind] += row.number
    return found


def _deployment(service: Service, revision: Revision, counts: Counts) -> dict[str, Any]:
    mine = counts.get(revision.id, Counter())
    primary = revision.status == PRIMARY
    return {
        **{name: revision.document[name] for name in _OF_REVISION if name in revision.document},
        **({"platformFamily": "Linux"} if "platformVersion" in revision.document else {}),
        "id": revision.rollout.name,
        "status": revision.status,
        "taskDefinition": revision.document["taskDefinition"],
        "desiredCount": service.desired_count if primary else mine["RUNNING"] + mine["PENDING"],
        "pendingCount": mine["PENDING"],
        "runningCount": mine["RUNNING"],
        "failedTasks": revision.rollout.failed,
        "createdAt": revision.created_at,
        "updatedAt": revision.updated_at,
        "rolloutState": revision.rollout.state,
        "rolloutStateReason": revision.rollout.reason,
    }


def _summary(service: Service, revision: Revision, counts: Counts) -> dict[str, Any]:
    mine = counts.get(revision.id, Counter())
    wanted = service.desired_count if revision.status == PRIMARY else 0
    scope, cluster = service.cluster.scope, service.cluster.name
    return {
        "arn": arns.service_revision_arn(scope, cluster, service.name, revision.id),
        "requestedTaskCount": wanted,
        "runningTaskCount": mine["RUNNING"],
        "pendingTaskCount": mine["PENDING"],
    }
