"""Which container instance a task goes to.

Source: Developer Guide, "How Amazon ECS places tasks on container instances"; "API failures
messages".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.ecs.control import instances
from registry.ecs.errors import invalid
from registry.ecs.store.tables import tasks

if TYPE_CHECKING:
    from registry.ecs.control.clusters import Cluster
    from registry.ecs.control.instances import ContainerInstance


class Unplaced(Exception):
    """No instance can take the task; `reason` as `failures[].reason` gives it."""

    def __init__(self, reason: str, arn: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.arn = arn


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be placed, and what is said of where."""

    document: Mapping[str, Any]
    """The task definition's, with the task's overrides applied."""
    group: str
    constraints: Sequence[Mapping[str, Any]] = ()
    """PlacementConstraints: of the definition and of the request."""
    strategy: Sequence[Mapping[str, Any]] = ()
    """PlacementStrategies."""


def place(connection: sa.Connection, cluster: Cluster, wish: Wish) -> ContainerInstance:
    """An instance that can take the task.

    Raises Unplaced, and ServiceError (InvalidParameterException) for a constraint that nobody
    here can judge. A strategy chooses among instances; this machine has one.
    """
    if any(each.get("type") == "memberOf" for each in wish.constraints):
        raise invalid("Placement constraints of the type memberOf are not supported yet.")
    alone = any(each.get("type") == "distinctInstance" for each in wish.constraints)
    wanted = instances.needs(wish.document)
    candidates: Sequence[ContainerInstance] = [
        each
        for each in instances.in_cluster(connection, cluster)
        if each.status == instances.ACTIVE
    ]
    last = Unplaced("AGENT")
    for each in candidates:
        if not each.connected:
            last = Unplaced("AGENT", each.arn)
            continue
        reason = instances.lacking(instances.remaining(connection, each), wanted)
        if alone and _runs(connection, each, wish.group):
            reason = "distinctInstance placement constraint unsatisfied."
        if reason is None:
            return each
        last = Unplaced(reason, each.arn)
    raise last


def _runs(connection: sa.Connection, instance: ContainerInstance, group: str) -> bool:
    """Whether a task of the group is on the instance."""
    mine = sa.and_(
        tasks.c.instance_id == instance.id,
        tasks.c.group == group,
        tasks.c.last_status != "STOPPED",
    )
    return connection.execute(sa.select(tasks.c.id).where(mine).limit(1)).first() is not None
