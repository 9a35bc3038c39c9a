"""Tags of whatever has an ARN: clusters, services, tasks, task definitions, container instances
and capacity providers.

Source: ECS API reference, TagResource, UntagResource, ListTagsForResource.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.ecs import arns
from registry.ecs.control import clusters, definitions, tags
from registry.ecs.errors import client_error, invalid, not_found
from registry.ecs.store.tables import capacity_providers, container_instances, services, tasks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.database.database import Database
    from registry.ecs.arns import Parsed
    from registry.ecs.control.clusters import Cluster
    from registry.values.scope import Scope

_IN_CLUSTER = {"service": services, "task": tasks, "container-instance": container_instances}


class Tagging:
    """Tag, untag, list."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tag(self, scope: Scope, arn: str, labels: Mapping[str, str]) -> None:
        """Add or change tags. Raises ServiceError (InvalidParameter…, …NotFoundException)."""
        with self._database.write() as connection:
            _require(connection, scope, arn)
            tags.put(connection, arn, labels)

    def untag(self, scope: Scope, arn: str, keys: Sequence[str]) -> None:
        """Take tags off. Raises ServiceError (InvalidParameter…, …NotFoundException)."""
        if any(key.lower().startswith("aws:") for key in keys):
            raise invalid("Tag keys and values can't start with aws:")
        with self._database.write() as connection:
            _require(connection, scope, arn)
            tags.remove(connection, arn, keys)

    def tags(self, scope: Scope, arn: str) -> dict[str, str]:
        """The tags. Raises ServiceError (InvalidParameter…, …NotFoundException)."""
        with self._database.read() as connection:
            _require(connection, scope, arn)
            return tags.of(connection, arn)


def _require(connection: sa.Connection, scope: Scope, arn: str) -> None:
    """Raise ServiceError unless the thing is there."""
    parsed = arns.parse(arn)
    if parsed is None:
        raise invalid(f"Invalid identifier: {arn}")
    arns.short_id(scope, arn, parsed.kind)
    if parsed.kind == "cluster":
        _require_cluster(connection, scope, parsed.name)
    elif parsed.kind == "task-definition":
        found = definitions.find(connection, scope, parsed.name)
        if found is None or found.arn != arn:
            raise client_error("The specified task definition does not exist.")
    elif parsed.kind == "capacity-provider":
        table = capacity_providers.c
        mine = (table.account == scope.account, table.region == scope.region)
        _require_row(connection, sa.select(table.id).where(*mine, table.name == parsed.name))
    elif parsed.kind in _IN_CLUSTER and len(parsed.path) == 2:
        _require_in_cluster(connection, scope, parsed)
    else:
        raise invalid(f"Invalid identifier: {arn}")


def _require_cluster(connection: sa.Connection, scope: Scope, name: str) -> Cluster:
    found = clusters.find(connection, scope, name)
    if found is not None and found.status != clusters.ACTIVE:
        raise invalid("The specified cluster is inactive. Specify an active cluster and try again.")
    return clusters.active(connection, scope, name)


def _require_in_cluster(connection: sa.Connection, scope: Scope, parsed: Parsed) -> None:
    cluster = _require_cluster(connection, scope, parsed.path[0])
    table = _IN_CLUSTER[parsed.kind].c
    key = table.name if parsed.kind == "service" else table.id
    statement = sa.select(table.id).where(table.cluster_id == cluster.id, key == parsed.name)
    if parsed.kind == "service":
        statement = statement.where(table.status != "INACTIVE")
    _require_row(connection, statement)


def _require_row(connection: sa.Connection, statement: sa.Select[tuple[object]]) -> None:
    if connection.execute(statement).first() is None:
        raise not_found()
