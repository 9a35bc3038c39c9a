"""Container instances: Docker Engines that tasks of the launch type EC2 run on.

Source: ECS API reference, RegisterContainerInstance, ContainerInstance, Resource.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.ecs import arns
from registry.ecs.control.launching import effective
from registry.ecs.store.tables import (
    attributes,
    clusters,
    container_instances,
    engines,
    task_definitions,
    tasks,
)

if TYPE_CHECKING:
    from registry.ecs.control.clusters import Cluster
    from registry.ecs.protocol import Instance

ACTIVE = "ACTIVE"
LOCAL = "local"
Needs = Mapping[str, Any]
"""`CPU` and `MEMORY` as numbers, `PORTS` and `PORTS_UDP` as sets of texts."""


@dataclass(frozen=True, slots=True)
class ContainerInstance:
    """One container instance."""

    id: str
    cluster: Cluster
    status: str
    connected: bool
    document: Mapping[str, Any]
    """registeredResources, versionInfo; `local` for this machine's own engine."""
    registered_at: datetime

    @property
    def arn(self) -> str:
        """Its ARN."""
        return arns.instance_arn(self.cluster.scope, self.cluster.name, self.id)


def in_cluster(connection: sa.Connection, cluster: Cluster) -> list[ContainerInstance]:
    """All instances of a cluster, the oldest first."""
    statement = (
        sa.select(container_instances)
        .where(container_instances.c.cluster_id == cluster.id)
        .order_by(container_instances.c.registered_at, container_instances.c.id)
    )
    return [_of(row, cluster) for row in connection.execute(statement)]


def keep_local(connection: sa.Connection, instance: Instance) -> None:
    """Keep what this machine's engine is, and enrol it in every cluster there is."""
    document = {
        "registeredResources": list(instance.resources),
        "versionInfo": {
            "agentVersion": instance.agent_version,
            "dockerVersion": instance.docker_version,
        },
        "attributes": list(instance.attributes),
    }
    connection.execute(sa.delete(engines).where(engines.c.id == LOCAL))
    values = {"id": LOCAL, "connected": True, "document": document}
    connection.execute(sa.insert(engines).values(values))
    living = sa.select(clusters.c.id).where(clusters.c.status == ACTIVE)
    for cluster_id in connection.execute(living).scalars().all():
        enrol_local(connection, cluster_id)


def enrol_local(connection: sa.Connection, cluster_id: int) -> None:
    """Make this machine's engine an instance of the cluster, if there is an engine."""
    engine = connection.execute(sa.select(engines).where(engines.c.id == LOCAL)).first()
    if engine is None:
        return
    listed = engine.document["attributes"]
    document = {name: each for name, each in engine.document.items() if name != "attributes"}
    document["local"] = True
    table = container_instances
    mine = sa.and_(table.c.cluster_id == cluster_id, table.c.document["local"].as_boolean())
    instance_id = connection.execute(sa.select(table.c.id).where(mine)).scalar()
    if instance_id is not None:
        changed = sa.update(table).where(table.c.id == instance_id)
        connection.execute(changed.values(connected=engine.connected, document=document))
    else:
        instance_id = uuid.uuid4().hex
        values = {
            "id": instance_id,
            "cluster_id": cluster_id,
            "status": ACTIVE,
            "connected": engine.connected,
            "document": document,
            "registered_at": datetime.now(UTC),
        }
        connection.execute(sa.insert(table).values(values))
    put_built_in(connection, instance_id, listed)


def put_built_in(
    connection: sa.Connection, instance_id: str, listed: Sequence[Mapping[str, Any]]
) -> None:
    """Keep these as the attributes that an instance's agent brought, in place of the former."""
    names = [each["name"] for each in listed]
    former = sa.or_(attributes.c.built_in, attributes.c.name.in_(names))
    mine = sa.and_(attributes.c.instance_id == instance_id, former)
    connection.execute(sa.delete(attributes).where(mine))
    rows = [
        {
            "instance_id": instance_id,
            "name": each["name"],
            "value": each.get("value"),
            "built_in": True,
        }
        for each in listed
    ]
    if rows:
        connection.execute(sa.insert(attributes), rows)


def set_connected(connection: sa.Connection, *, connected: bool) -> None:
    """Whether this machine's engine answers, in all clusters."""
    connection.execute(sa.update(engines).values(connected=connected))
    local = container_instances.c.document["local"].as_boolean()
    statement = sa.update(container_instances).where(
        local, container_instances.c.connected != connected
    )
    connection.execute(statement.values(connected=connected))


def needs(definition: Mapping[str, Any]) -> Needs:
    """What a task of this (effective) document takes of its instance."""
    containers = definition["containerDefinitions"]
    cpu = definition.get("cpu") or sum(each.get("cpu") or 0 for each in containers)
    memory = definition.get("memory") or sum(
        each.get("memoryReservation") or each.get("memory") or 0 for each in containers
    )
    ports: dict[str, set[str]] = {"tcp": set(), "udp": set()}
    if definition.get("networkMode") != "awsvpc":
        for container in containers:
            for mapping in container.get("portMappings", ()):
                host = definition.get("networkMode") == "host" and mapping.get("containerPort")
                if port := mapping.get("hostPort") or host:
                    ports[mapping.get("protocol", "tcp")].add(str(port))
    return {
        "CPU": int(cpu),
        "MEMORY": int(memory),
        "PORTS": ports["tcp"],
        "PORTS_UDP": ports["udp"],
    }


def remaining(connection: sa.Connection, instance: ContainerInstance) -> dict[str, Any]:
    """What is left of an instance's resources, as `needs` has them."""
    found = _resources(instance.document["registeredResources"])
    for taken in _taken(connection, instance.id):
        for name in ("CPU", "MEMORY"):
            found[name] -= taken[name]
        for name in ("PORTS", "PORTS_UDP"):
            found[name] = found[name] | taken[name]
    return found


def lacking(left: Needs, wanted: Needs) -> str | None:
    """Which resource is too little, as `failures[].reason` of RunTask names it."""
    for name in ("CPU", "MEMORY"):
        if wanted[name] > left[name]:
            return f"RESOURCE:{name}"
    for name in ("PORTS", "PORTS_UDP"):
        if wanted[name] & left[name]:
            return "RESOURCE:PORTS"
    return None


def shown_resources(resources: Needs) -> list[dict[str, Any]]:
    """As the model's Resources."""
    zero: Mapping[str, Any] = {"doubleValue": 0.0, "longValue": 0, "integerValue": 0}
    numbers = [
        {"name": name, "type": "INTEGER", **zero, "integerValue": resources[name]}
        for name in ("CPU", "MEMORY")
    ]
    ports = [
        {
            "name": name,
            "type": "STRINGSET",
            **zero,
            "stringSetValue": sorted(resources[name], key=int),
        }
        for name in ("PORTS", "PORTS_UDP")
    ]
    return [*numbers, *ports]


def _resources(listed: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {"CPU": 0, "MEMORY": 0, "PORTS": set(), "PORTS_UDP": set()}
    for each in listed:
        if each["name"] in {"CPU", "MEMORY"}:
            found[each["name"]] = each.get("integerValue", 0)
        elif each["name"] in {"PORTS", "PORTS_UDP"}:
            found[each["name"]] = set(each.get("stringSetValue", ()))
    return found


def _taken(connection: sa.Connection, instance_id: str) -> list[Needs]:
    statement = sa.select(tasks.c.definition_arn, tasks.c.document).where(
        tasks.c.instance_id == instance_id, tasks.c.last_status != "STOPPED"
    )
    rows = connection.execute(statement).all()
    documents = _definitions(connection, Counter(row.definition_arn for row in rows))
    return [
        needs(effective(documents[row.definition_arn], row.document["overrides"])) for row in rows
    ]


def _definitions(connection: sa.Connection, named: Counter[str]) -> dict[str, Mapping[str, Any]]:
    found = {}
    for arn in named:
        parsed = arns.parse(arn)
        assert parsed is not None  # noqa: S101 - a task's own definition, written by us
        family, _, revision = parsed.name.partition(":")
        statement = sa.select(task_definitions.c.document).where(
            task_definitions.c.account == parsed.scope.account,
            task_definitions.c.region == parsed.scope.region,
            task_definitions.c.family == family,
            task_definitions.c.revision == int(revision),
        )
        found[arn] = connection.execute(statement).scalar_one()
    return found


def _of(row: sa.Row[Any], cluster: Cluster) -> ContainerInstance:
    return ContainerInstance(
        row.id, cluster, row.status, row.connected, row.document, row.registered_at
    )


def is_connected(connection: sa.Connection) -> bool:
    """Whether this machine's engine answered when it was asked last."""
    return bool(connection.execute(sa.select(engines.c.connected)).scalar())
