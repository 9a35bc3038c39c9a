"""Attributes of container instances: names, some with values, that placement can ask for.

Source: ECS API reference, PutAttributes, DeleteAttributes, ListAttributes, Attribute.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.aws.errors import ServiceError
from registry.ecs import arns
from registry.ecs.control import clusters, instances
from registry.ecs.errors import invalid
from registry.ecs.store.tables import attributes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.database.database import Database
    from registry.ecs.control.clusters import Cluster
    from registry.ecs.control.instances import ContainerInstance
    from registry.values.scope import Scope

CUSTOM_MAX = 10
_NAME = re.compile(r"[A-Za-z0-9_./\\-]{1,128}", re.ASCII)
_VALUE = re.compile(r"(?! )[A-Za-z0-9_./\\@: -]{1,128}(?<! )", re.ASCII)
_TARGET = "container-instance"
Listed = list[dict[str, str]]


class Attributes:
    """Put, delete, list."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, scope: Scope, cluster: str | None, given: Sequence[Mapping[str, Any]]) -> Listed:
        """Add or change attributes. Raises ServiceError."""
        _check_count(given)
        with self._database.write() as connection:
            home = clusters.active(connection, scope, cluster)
            return [_put(connection, home, each) for each in given]

    def delete(
        self, scope: Scope, cluster: str | None, given: Sequence[Mapping[str, Any]]
    ) -> Listed:
        """Take attributes away; with a value, only if it is that one. Raises ServiceError."""
        _check_count(given)
        found = []
        with self._database.write() as connection:
            home = clusters.active(connection, scope, cluster)
            for each in given:
                instance = _target(connection, home, each)
                known = _custom(connection, instance)
                if each["name"] not in known or each.get("value") not in {
                    None,
                    known[each["name"]],
                }:
                    raise _no_target()
                _remove(connection, instance, each["name"])
                found.append(_shown(instance, each["name"], known[each["name"]]))
        return found

    def list(
        self, scope: Scope, cluster: str | None, name: str | None, value: str | None
    ) -> tuple[Cluster, Listed]:
        """All attributes of a cluster's instances, by name and instance. Raises ServiceError."""
        if value is not None and name is None:
            raise invalid("attributeName must be specified when attributeValue is specified.")
        with self._database.read() as connection:
            home = clusters.active(connection, scope, cluster)
            found = [
                {**each, "targetType": _TARGET, "targetId": instance.arn}
                for instance in instances.in_cluster(connection, home)
                for each in of(connection, instance)
            ]
        chosen = [
            each
            for each in found
            if name in {None, each["name"]} and value in {None, each.get("value")}
        ]
        return home, sorted(chosen, key=lambda each: (each["name"], each["targetId"]))


def of(connection: sa.Connection, instance: ContainerInstance) -> Listed:
    """An instance's attributes as the model's, by name."""
    statement = (
        sa.select(attributes.c.name, attributes.c.value)
        .where(attributes.c.instance_id == instance.id)
        .order_by(attributes.c.name)
    )
    return [
        {"name": row.name} if row.value is None else {"name": row.name, "value": row.value}
        for row in connection.execute(statement)
    ]


def _check_count(given: Sequence[Mapping[str, Any]]) -> None:
    if not 0 < len(given) <= CUSTOM_MAX:
        raise invalid(f"Specify from 1 to {CUSTOM_MAX} attributes.")


def _put(connection: sa.Connection, cluster: Cluster, given: Mapping[str, Any]) -> dict[str, str]:
    name, value = given["name"], given.get("value")
    if not _NAME.fullmatch(name) or name.startswith(("ecs.", "com.amazonaws.")):
        raise invalid(f"The attribute name {name} is not valid.")
    if value is not None and not _VALUE.fullmatch(value):
        raise invalid(f"The attribute value {value} is not valid.")
    instance = _target(connection, cluster, given)
    known = _custom(connection, instance)
    if name not in known and len(known) >= CUSTOM_MAX:
        raise ServiceError(
            "AttributeLimitExceededException",
            f"A container instance can have at most {CUSTOM_MAX} custom attributes.",
        )
    _remove(connection, instance, name)
    values = {"instance_id": instance.id, "name": name, "value": value, "built_in": False}
    connection.execute(sa.insert(attributes).values(values))
    return _shown(instance, name, value)


def _target(
    connection: sa.Connection, cluster: Cluster, given: Mapping[str, Any]
) -> ContainerInstance:
    target = given.get("targetId", "")
    if not target.startswith("arn:") and given.get("targetType") != _TARGET:
        raise invalid("targetType must be container-instance where targetId is no ARN.")
    instance_id = arns.short_id(cluster.scope, target, _TARGET)
    for each in instances.in_cluster(connection, cluster):
        if each.id == instance_id:
            return each
    raise _no_target()


def _no_target() -> ServiceError:
    return ServiceError("TargetNotFoundException", "The specified target could not be found.")


def _custom(connection: sa.Connection, instance: ContainerInstance) -> dict[str, str | None]:
    statement = sa.select(attributes.c.name, attributes.c.value).where(
        attributes.c.instance_id == instance.id, ~attributes.c.built_in
    )
    return {row.name: row.value for row in connection.execute(statement)}


def _remove(connection: sa.Connection, instance: ContainerInstance, name: str) -> None:
    mine = (
        attributes.c.instance_id == instance.id,
        attributes.c.name == name,
        ~attributes.c.built_in,
    )
    connection.execute(sa.delete(attributes).where(*mine))


def _shown(instance: ContainerInstance, name: str, value: str | None) -> dict[str, str]:
    found = {"name": name, "targetType": _TARGET, "targetId": instance.arn}
    return found if value is None else {**found, "value": value}
