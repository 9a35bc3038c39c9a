"""Clusters: a name under which tasks, services and container instances stand.

Source: ECS API reference, CreateCluster, DescribeClusters, DeleteCluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.aws.errors import ServiceError
from registry.ecs import arns
from registry.ecs.control import capacity, instances, tags
from registry.ecs.errors import cluster_inactive, cluster_not_found
from registry.ecs.store.tables import clusters, container_instances, services, tasks
from registry.values.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.database.database import Database

ACTIVE, INACTIVE = "ACTIVE", "INACTIVE"
_LIVING = ("ACTIVE", "DRAINING")


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster."""

    id: int
    scope: Scope
    name: str
    status: str
    document: Mapping[str, Any]
    """settings, configuration, serviceConnectDefaults, capacityProviders,
    defaultCapacityProviderStrategy, by the model's names."""

    @property
    def arn(self) -> str:
        """Its ARN."""
        return arns.cluster_arn(self.scope, self.name)


def find(connection: sa.Connection, scope: Scope, name: str) -> Cluster | None:
    """The cluster of that name, deleted or not."""
    statement = sa.select(clusters).where(
        clusters.c.account == scope.account,
        clusters.c.region == scope.region,
        clusters.c.name == name,
    )
    row = connection.execute(statement).first()
    return None if row is None else _of(row)


def active(connection: sa.Connection, scope: Scope, given: str | None) -> Cluster:
    """The cluster that a parameter means: a name, an ARN, or the default one.

    Raises ServiceError (ClusterNotFoundException, InvalidParameterException).
    """
    found = find(connection, scope, arns.cluster_name(scope, given))
    if found is None:
        raise cluster_not_found()
    if found.status != ACTIVE:
        raise cluster_inactive()
    return found


def by_id(connection: sa.Connection, number: int) -> Cluster:
    """The cluster of a row that refers to it."""
    statement = sa.select(clusters).where(clusters.c.id == number)
    return _of(connection.execute(statement).one())


class Clusters:
    """Create, describe, change, delete."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        scope: Scope,
        name: str,
        document: Mapping[str, Any],
        labels: Mapping[str, str],
    ) -> Cluster:
        """A new cluster; one of that name that is there already is answered as it is.

        Raises ServiceError (InvalidParameterException).
        """
        arns.check_name(name, "Cluster")
        with self._database.write() as connection:
            found = find(connection, scope, name)
            if found is not None and found.status == ACTIVE:
                return found
            made = capacity.checked(connection, scope, document)
            values = {
                "account": scope.account,
                "region": scope.region,
                "name": name,
                "status": ACTIVE,
                "document": dict(made),
                "created_at": datetime.now(UTC),
            }
            if found is not None:
                connection.execute(sa.delete(clusters).where(clusters.c.id == found.id))
            connection.execute(sa.insert(clusters).values(values))
            cluster = active(connection, scope, name)
            tags.put(connection, cluster.arn, labels)
            instances.enrol_local(connection, cluster.id)
        return cluster

    def describe(
        self, scope: Scope, given: Sequence[str], include: Sequence[str]
    ) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
        """The clusters, and a failure for each that there is not."""
        found, failures = [], []
        with self._database.read() as connection:
            for each in given or [arns.DEFAULT_CLUSTER]:
                name = arns.cluster_name(scope, each)
                cluster = find(connection, scope, name)
                if cluster is None:
                    arn = arns.cluster_arn(scope, name)
                    failures.append({"arn": arn, "reason": "MISSING"})
                else:
                    found.append(described(connection, cluster, include))
        return found, failures

    def names(self, scope: Scope, after: str, limit: int) -> list[str]:
        """Names of active clusters behind `after`, in order."""
        statement = (
            sa.select(clusters.c.name)
            .where(
                clusters.c.account == scope.account,
                clusters.c.region == scope.region,
                clusters.c.status == ACTIVE,
                clusters.c.name > after,
            )
            .order_by(clusters.c.name)
            .limit(limit)
        )
        with self._database.read() as connection:
            return list(connection.execute(statement).scalars())

    def change(self, scope: Scope, given: str, changed: Mapping[str, Any]) -> dict[str, Any]:
        """Put these members into the cluster's document, and describe it.

        Raises ServiceError (ClusterNotFoundException, InvalidParameterException).
        """
        with self._database.write() as connection:
            cluster = active(connection, scope, given)
            document = capacity.checked(connection, scope, {**cluster.document, **changed})
            mine = sa.update(clusters).where(clusters.c.id == cluster.id)
            connection.execute(mine.values(document=dict(document)))
            return described(
                connection,
                active(connection, scope, given),
                ("SETTINGS", "CONFIGURATIONS", "TAGS"),
            )

    def delete(self, scope: Scope, given: str) -> dict[str, Any]:
        """Make it INACTIVE.

        Raises ServiceError (ClusterNotFoundException, ClusterContains…Exception).
        """
        with self._database.write() as connection:
            cluster = active(connection, scope, given)
            _check_empty(connection, cluster)
            mine = sa.update(clusters).where(clusters.c.id == cluster.id)
            connection.execute(mine.values(status=INACTIVE))
            tags.remove(connection, cluster.arn)
            gone = container_instances.c.cluster_id == cluster.id
            connection.execute(sa.delete(container_instances).where(gone))
            found = find(connection, scope, cluster.name)
            return described(connection, found or cluster, ("SETTINGS",))


def described(
    connection: sa.Connection, cluster: Cluster, include: Sequence[str] = ()
) -> dict[str, Any]:
    """As the model's Cluster."""
    document = cluster.document
    counts = _counts(connection, cluster)
    found: dict[str, Any] = {
        "clusterArn": cluster.arn,
        "clusterName": cluster.name,
        "status": cluster.status,
        "registeredContainerInstancesCount": _instances(connection, cluster),
        "runningTasksCount": sum(counts.get("RUNNING", {}).values()),
        "pendingTasksCount": sum(counts.get("PENDING", {}).values()),
        "activeServicesCount": sum(_services(connection, cluster).values()),
        "statistics": [],
        "tags": [],
        "settings": [],
        "capacityProviders": document.get("capacityProviders", []),
        "defaultCapacityProviderStrategy": document.get("defaultCapacityProviderStrategy", []),
    }
    if "serviceConnectDefaults" in document:
        found["serviceConnectDefaults"] = document["serviceConnectDefaults"]
    if "SETTINGS" in include:
        found["settings"] = document.get("settings", [])
    if "CONFIGURATIONS" in include and "configuration" in document:
        found["configuration"] = document["configuration"]
    if "TAGS" in include:
        found["tags"] = tags.listed(tags.of(connection, cluster.arn))
    if "STATISTICS" in include:
        found["statistics"] = _statistics(counts, _services(connection, cluster))
    return found


def _statistics(
    counts: Mapping[str, Mapping[str, int]], active_services: Mapping[str, int]
) -> list[dict[str, str]]:
    """Source: API reference, Cluster `statistics`."""
    found = []
    for launch_type, word in (("EC2", "EC2"), ("FARGATE", "Fargate"), ("EXTERNAL", "External")):
        for status, label in (("RUNNING", "running"), ("PENDING", "pending")):
            number = counts.get(status, {}).get(launch_type, 0)
            found.append({"name": f"{label}{word}TasksCount", "value": str(number)})
        for status, label in (("ACTIVE", "active"), ("DRAINING", "draining")):
            number = active_services.get(f"{status} {launch_type}", 0)
            found.append({"name": f"{label}{word}ServiceCount", "value": str(number)})
    return found


def _counts(connection: sa.Connection, cluster: Cluster) -> dict[str, dict[str, int]]:
    """Tasks by RUNNING or PENDING, and by launch type."""
    shown = sa.case((tasks.c.last_status == "RUNNING", "RUNNING"), else_="PENDING")
    statement = (
        sa.select(shown.label("status"), tasks.c.launch_type, sa.func.count().label("number"))
        .where(tasks.c.cluster_id == cluster.id, tasks.c.desired_status == "RUNNING")
        .where(tasks.c.last_status != "STOPPED")
        .group_by(shown, tasks.c.launch_type)
    )
    found: dict[str, dict[str, int]] = {}
    for row in connection.execute(statement):
        found.setdefault(row.status, {})[row.launch_type] = row.number
    return found


def _services(connection: sa.Connection, cluster: Cluster) -> dict[str, int]:
    """Services by status and launch type, of those that are not deleted."""
    kind = sa.func.coalesce(services.c.document["launchType"].as_string(), "EC2")
    statement = (
        sa.select(services.c.status, kind.label("kind"), sa.func.count().label("number"))
        .where(services.c.cluster_id == cluster.id, services.c.status.in_(_LIVING))
        .group_by(services.c.status, kind)
    )
    return {f"{row.status} {row.kind}": row.number for row in connection.execute(statement)}


def _instances(connection: sa.Connection, cluster: Cluster) -> int:
    statement = sa.select(sa.func.count()).where(
        container_instances.c.cluster_id == cluster.id, container_instances.c.status.in_(_LIVING)
    )
    return int(connection.execute(statement).scalar_one())


def _check_empty(connection: sa.Connection, cluster: Cluster) -> None:
    """Raise ServiceError for what still runs in it."""
    if _services(connection, cluster):
        raise _contains("Services", "active")
    living = sa.select(sa.func.count()).where(
        tasks.c.cluster_id == cluster.id, tasks.c.last_status != "STOPPED"
    )
    if connection.execute(living).scalar_one():
        raise _contains("Tasks", "active")
    local = container_instances.c.document["local"].as_boolean()
    foreign = sa.select(sa.func.count()).where(
        container_instances.c.cluster_id == cluster.id,
        container_instances.c.status.in_(_LIVING),
        sa.func.coalesce(local, sa.false()) == sa.false(),
    )
    if connection.execute(foreign).scalar_one():
        raise _contains("Container Instances", "active or draining")


def _contains(what: str, state: str) -> ServiceError:
    code = f"ClusterContains{what.replace(' ', '')}Exception"
    return ServiceError(code, f"The Cluster cannot be deleted while {what} are {state}.")


def _of(row: sa.Row[Any]) -> Cluster:
    return Cluster(row.id, Scope(row.account, row.region), row.name, row.status, row.document)
