"""Container instances, as callers see and change them.

Source: ECS API reference, DescribeContainerInstances, UpdateContainerInstancesState,
DeregisterContainerInstance, RegisterContainerInstance, ContainerInstance.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.ecs import arns
from registry.ecs.control import attributes, clusters, instances, tags, task_rows
from registry.ecs.errors import client_error, invalid
from registry.ecs.statuses import StopCode
from registry.ecs.store.tables import container_instances, tasks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.database.database import Database
    from registry.ecs.control.clusters import Cluster
    from registry.ecs.control.instances import ContainerInstance
    from registry.values.scope import Scope

STATES = ("ACTIVE", "DRAINING")
_GONE = "Container instance was deregistered"
Found = tuple[list[dict[str, Any]], list[dict[str, str]]]


class Fleet:
    """Describe, list, drain, register, deregister."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def describe(
        self, scope: Scope, cluster: str | None, given: Sequence[str], include: Sequence[str]
    ) -> Found:
        """The instances, and a failure for each that there is not. Raises ServiceError."""
        with self._database.read() as connection:
            home = clusters.active(connection, scope, cluster)
            found, failures = _split(connection, home, given)
            return [described(connection, each, include) for each in found], failures

    def ids(
        self, scope: Scope, cluster: str | None, status: str | None
    ) -> tuple[Cluster, list[str]]:
        """Ids of a cluster's instances, in order. Raises ServiceError."""
        with self._database.read() as connection:
            home = clusters.active(connection, scope, cluster)
            found = instances.in_cluster(connection, home)
        return home, sorted(each.id for each in found if status in {None, each.status})

    def set_status(
        self, scope: Scope, cluster: str | None, given: Sequence[str], status: str
    ) -> Found:
        """ACTIVE, or DRAINING: no new tasks. Raises ServiceError."""
        if status not in STATES:
            raise invalid("Container instance status must be one of ACTIVE or DRAINING.")
        with self._database.write() as connection:
            home = clusters.active(connection, scope, cluster)
            found, failures = _split(connection, home, given)
            ids = [each.id for each in found]
            mine = sa.update(container_instances).where(container_instances.c.id.in_(ids))
            connection.execute(mine.values(status=status))
            changed, _ = _split(connection, home, ids)
            return [described(connection, each) for each in changed], failures

    def deregister(
        self, scope: Scope, cluster: str | None, given: str, *, force: bool
    ) -> dict[str, Any]:
        """Take an instance out of its cluster; with `force` its tasks are stopped.

        Raises ServiceError (InvalidParameterException, ClientException).
        """
        with self._database.write() as connection:
            home = clusters.active(connection, scope, cluster)
            found, _ = _split(connection, home, [given])
            if not found:
                raise client_error("The referenced container instance was not found.")
            running = _tasks(connection, found[0])
            if running and not force:
                raise invalid("Found running tasks on the instance.")
            shown = described(connection, found[0], ("TAGS",))
            for task in running:
                task_rows.stop(connection, task, StopCode.TERMINATION_NOTICE, _GONE)
            mine = container_instances.c.id == found[0].id
            connection.execute(sa.delete(container_instances).where(mine))
            tags.remove(connection, found[0].arn)
        return {**shown, "status": "INACTIVE", "agentConnected": False}

    def register(
        self,
        scope: Scope,
        cluster: str | None,
        instance_arn: str | None,
        document: Mapping[str, Any],
        *,
        listed: Sequence[Mapping[str, Any]],
        labels: Mapping[str, str],
    ) -> dict[str, Any]:
        """Keep an instance that an agent describes, anew or as `instance_arn`; it gets no tasks
        while its agent has not connected. Raises ServiceError.
        """
        with self._database.write() as connection:
            home = clusters.active(connection, scope, cluster)
            known = None
            if instance_arn is not None:
                found, _ = _split(connection, home, [instance_arn])
                if not found:
                    raise client_error("The referenced container instance was not found.")
                known = found[0]
            instance_id = _keep(connection, home, known, document)
            instances.put_built_in(connection, instance_id, listed)
            made, _ = _split(connection, home, [instance_id])
            tags.put(connection, made[0].arn, labels)
            return described(connection, made[0], ("TAGS",))


def _keep(
    connection: sa.Connection,
    cluster: Cluster,
    known: ContainerInstance | None,
    document: Mapping[str, Any],
) -> str:
    if known is not None:
        if known.document.get("local"):
            raise client_error("This machine's own engine is registered by its own agent.")
        mine = sa.update(container_instances).where(container_instances.c.id == known.id)
        connection.execute(mine.values(document=dict(document)))
        return known.id
    values = {
        "id": uuid.uuid4().hex,
        "cluster_id": cluster.id,
        "status": instances.ACTIVE,
        "connected": False,
        "document": dict(document),
        "registered_at": datetime.now(UTC),
    }
    connection.execute(sa.insert(container_instances).values(values))
    return str(values["id"])


def described(
    connection: sa.Connection, instance: ContainerInstance, include: Sequence[str] = ()
) -> dict[str, Any]:
    """As the model's ContainerInstance."""
    running = _tasks(connection, instance)
    count = sum(1 for task in running if task.last_status == "RUNNING")
    left = instances.remaining(connection, instance)
    found: dict[str, Any] = {
        "containerInstanceArn": instance.arn,
        "versionInfo": instance.document.get("versionInfo", {}),
        "registeredResources": list(instance.document["registeredResources"]),
        "remainingResources": instances.shown_resources(left),
        "status": instance.status,
        "agentConnected": instance.connected,
        "runningTasksCount": count,
        "pendingTasksCount": len(running) - count,
        "attributes": attributes.of(connection, instance),
        "registeredAt": instance.registered_at,
        "attachments": [],
        "tags": [],
    }
    if "TAGS" in include:
        found["tags"] = tags.listed(tags.of(connection, instance.arn))
    if "CONTAINER_INSTANCE_HEALTH" in include:
        found["healthStatus"] = {
            "overallStatus": "OK" if instance.connected else "IMPAIRED",
            "details": [],
        }
    return found


def _tasks(connection: sa.Connection, instance: ContainerInstance) -> list[task_rows.Task]:
    """Its tasks that have not stopped."""
    statement = sa.select(tasks).where(
        tasks.c.instance_id == instance.id, tasks.c.last_status != "STOPPED"
    )
    rows = connection.execute(statement).all()
    return [task_rows.of(row, instance.cluster) for row in rows]


def _split(
    connection: sa.Connection, cluster: Cluster, given: Sequence[str]
) -> tuple[list[ContainerInstance], list[dict[str, str]]]:
    """The instances that are there, and a failure for each other one."""
    known = {each.id: each for each in instances.in_cluster(connection, cluster)}
    ids = [arns.short_id(cluster.scope, each, "container-instance") for each in given]
    found = [known[each] for each in dict.fromkeys(ids) if each in known]
    failures = [
        {"arn": arns.instance_arn(cluster.scope, cluster.name, each), "reason": "MISSING"}
        for each in dict.fromkeys(ids)
        if each not in known
    ]
    return found, failures
