"""Tasks on request: run, start, stop, describe, list.

Source: ECS API reference, RunTask, StartTask, StopTask, DescribeTasks, ListTasks.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.aws.errors import ServiceError
from registry.ecs import arns
from registry.ecs.control import clusters, definitions, instances, task_rows
from registry.ecs.control import tags as labels
from registry.ecs.control.launching import EC2, FARGATE, Launch, effective, launch
from registry.ecs.control.placement import Unplaced, Wish, place
from registry.ecs.control.strategies import provider_of
from registry.ecs.errors import client_error, invalid
from registry.ecs.statuses import StopCode
from registry.ecs.store.tables import client_tokens, tasks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.database.database import Database
    from registry.ecs.control.clusters import Cluster
    from registry.ecs.control.definitions import Definition
    from registry.values.scope import Scope

COUNT_MAX = 10
STARTED_BY_MAX = 128
_STOPPED_BY_USER = "Task stopped by user"

Found = tuple[list[dict[str, Any]], list[dict[str, Any]]]
"""Tasks and failures, as the model has them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What RunTask and StartTask have in common."""

    cluster: str | None
    definition: str
    overrides: Mapping[str, Any] = field(default_factory=dict)
    network: Mapping[str, Any] | None = None
    """A NetworkConfiguration."""
    group: str | None = None
    started_by: str | None = None
    execute_command: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    propagate: str | None = None
    managed_tags: bool = False
    launch_type: str | None = None
    strategy: Sequence[Mapping[str, Any]] = ()
    constraints: Sequence[Mapping[str, Any]] = ()
    """PlacementConstraints."""
    placing: Sequence[Mapping[str, Any]] = ()
    """PlacementStrategies."""
    platform_version: str | None = None
    count: int = 1


class Tasks:
    """The tasks of all clusters."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def run(self, scope: Scope, asked: Asked, token: str | None = None) -> Found:
        """Begin `count` tasks where there is room; a failure for each that has none.

        The same `token` begins nothing a second time. Raises ServiceError.
        """
        with self._database.write() as connection:
            cluster = clusters.active(connection, scope, asked.cluster)
            if token and (known := _known(connection, cluster, token, asked)) is not None:
                return _described(connection, cluster, known), []
            made, failures = _run(connection, cluster, asked)
            if token:
                _remember(connection, cluster, token, asked, made)
            return _described(connection, cluster, made), failures

    def start(self, scope: Scope, asked: Asked, given: Sequence[str]) -> Found:
        """Begin one task on each of these container instances. Raises ServiceError."""
        made, failures = [], []
        with self._database.write() as connection:
            cluster = clusters.active(connection, scope, asked.cluster)
            definition = definitions.usable(connection, scope, asked.definition)
            wanted = _launch(connection, cluster, definition, asked, EC2)
            known = {each.id: each for each in instances.in_cluster(connection, cluster)}
            for each in given:
                instance = known.get(arns.short_id(scope, each, "container-instance"))
                if instance is None:
                    failures.append({"arn": each, "reason": "MISSING"})
                    continue
                needs = instances.needs(effective(definition.document, asked.overrides))
                reason = instances.lacking(instances.remaining(connection, instance), needs)
                if not instance.connected:
                    reason = "AGENT"
                if reason is not None:
                    failures.append({"arn": instance.arn, "reason": reason})
                    continue
                made.append(launch(connection, cluster, replace(wanted, instance_id=instance.id)))
            return _described(connection, cluster, made), failures

    def stop(
        self, scope: Scope, cluster: str | None, given: str, reason: str | None
    ) -> dict[str, Any]:
        """Have a task stop. Raises ServiceError."""
        with self._database.write() as connection:
            found = clusters.active(connection, scope, cluster)
            task = task_rows.find(connection, found, arns.short_id(scope, given, "task"))
            if task is None:
                raise invalid("The referenced task was not found.")
            stopped = task_rows.stop(
                connection, task, StopCode.USER_INITIATED, reason or _STOPPED_BY_USER
            )
            return task_rows.described(connection, stopped)

    def describe(
        self, scope: Scope, cluster: str | None, given: Sequence[str], include: Sequence[str]
    ) -> Found:
        """The tasks, and a failure for each that there is not. Raises ServiceError."""
        found, failures = [], []
        with self._database.read() as connection:
            home = clusters.active(connection, scope, cluster)
            for each in given:
                task_id = arns.short_id(scope, each, "task")
                task = task_rows.find(connection, home, task_id)
                if task is None:
                    arn = arns.task_arn(scope, home.name, task_id)
                    failures.append({"arn": arn, "reason": "MISSING"})
                else:
                    found.append(task_rows.described(connection, task, include))
        return found, failures

    def ids(
        self, scope: Scope, cluster: str | None, chosen: Mapping[str, Any], after: str, limit: int
    ) -> tuple[Cluster, list[str]]:
        """Ids of tasks behind `after`; `chosen` are values of columns. Raises ServiceError."""
        with self._database.read() as connection:
            home = clusters.active(connection, scope, cluster)
            statement = sa.select(tasks.c.id).where(tasks.c.cluster_id == home.id)
            for name, value in chosen.items():
                statement = statement.where(tasks.c[name] == value)
            statement = statement.where(tasks.c.id > after).order_by(tasks.c.id).limit(limit)
            return home, list(connection.execute(statement).scalars())


def _run(
    connection: sa.Connection, cluster: Cluster, asked: Asked
) -> tuple[list[str], list[dict[str, Any]]]:
    if not 1 <= asked.count <= COUNT_MAX:
        raise invalid(f"count must be between 1 and {COUNT_MAX}.")
    definition = definitions.usable(connection, cluster.scope, asked.definition)
    made: list[str] = []
    failures: list[dict[str, Any]] = []
    for _ in range(asked.count):
        launch_type, provider = _where(cluster, asked, len(made))
        wanted = _launch(connection, cluster, definition, asked, launch_type)
        wanted = replace(wanted, capacity_provider=provider)
        if launch_type != FARGATE:
            try:
                instance = place(connection, cluster, _placed(definition, asked))
            except Unplaced as unplaced:
                failures.append(_failure(connection, cluster, unplaced))
                continue
            wanted = replace(wanted, instance_id=instance.id)
        made.append(launch(connection, cluster, wanted))
    return made, failures


def _placed(definition: Definition, asked: Asked) -> Wish:
    return Wish(
        effective(definition.document, asked.overrides),
        asked.group or f"family:{definition.family}",
        [*definition.document.get("placementConstraints", ()), *asked.constraints],
        asked.placing,
    )


def _failure(connection: sa.Connection, cluster: Cluster, unplaced: Unplaced) -> dict[str, Any]:
    if not instances.in_cluster(connection, cluster):
        raise invalid("No Container Instances were found in your cluster.")
    found = {"reason": unplaced.reason}
    return found if unplaced.arn is None else {"arn": unplaced.arn, **found}


def _where(cluster: Cluster, asked: Asked, number: int) -> tuple[str, str | None]:
    """Launch type and capacity provider of the task that is the `number`th of its request."""
    if asked.launch_type is not None and asked.strategy:
        raise invalid(
            "Specifying both a launch type and capacity provider strategy is not supported."
            " Remove one and try again."
        )
    if asked.launch_type is not None:
        return asked.launch_type, None
    strategy = asked.strategy or cluster.document.get("defaultCapacityProviderStrategy", ())
    if not strategy:
        return EC2, None
    provider = provider_of(cluster, strategy, number)
    return (FARGATE if provider.startswith("FARGATE") else EC2), provider


def _launch(
    connection: sa.Connection,
    cluster: Cluster,
    definition: Definition,
    asked: Asked,
    launch_type: str,
) -> Launch:
    """The request as a launch, checked. Raises ServiceError."""
    check_launch(definition.document, launch_type, asked.network, asked.overrides)
    if asked.started_by is not None and len(asked.started_by) > STARTED_BY_MAX:
        raise invalid(f"startedBy must be at most {STARTED_BY_MAX} characters long.")
    if asked.group is not None and asked.group.startswith("service:"):
        raise invalid("Task group names can't begin with service:.")
    marked = dict(asked.labels)
    if asked.propagate == "TASK_DEFINITION":
        marked = {**labels.of(connection, definition.arn), **marked}
    elif asked.propagate == "SERVICE":
        raise invalid("SERVICE is not a valid value of propagateTags here.")
    if asked.managed_tags:
        marked["aws:ecs:clusterName"] = cluster.name
    return Launch(
        definition=definition,
        launch_type=launch_type,
        group=asked.group or f"family:{definition.family}",
        overrides=asked.overrides,
        network=(asked.network or {}).get("awsvpcConfiguration"),
        started_by=asked.started_by,
        execute_command=asked.execute_command,
        platform_version=asked.platform_version,
        labels=marked,
    )


def check_launch(
    definition: Mapping[str, Any],
    launch_type: str,
    network: Mapping[str, Any] | None,
    overrides: Mapping[str, Any],
) -> None:
    """Raise ServiceError where a definition can't be run so."""
    if launch_type == FARGATE and FARGATE not in definition["compatibilities"]:
        raise client_error("Task definition does not support launch_type FARGATE.")
    if launch_type not in {EC2, FARGATE}:
        raise invalid(f"This server has no instances of the launch type {launch_type}.")
    awsvpc = definition.get("networkMode") == "awsvpc"
    given = (network or {}).get("awsvpcConfiguration")
    if awsvpc and given is None:
        raise invalid(
            "Network Configuration must be provided when networkMode 'awsvpc' is specified."
        )
    if given is not None and not awsvpc:
        raise invalid(
            "Network Configuration is not valid for the given networkMode of this task definition."
        )
    names = {container["name"] for container in definition["containerDefinitions"]}
    for override in overrides.get("containerOverrides", ()):
        if override.get("name") not in names:
            raise invalid(
                f"Override for container named {override.get('name')} is not a container in the"
                " TaskDefinition."
            )


def _described(
    connection: sa.Connection, cluster: Cluster, ids: Sequence[str]
) -> list[dict[str, Any]]:
    found = (task_rows.find(connection, cluster, each) for each in ids)
    return [task_rows.described(connection, task, ("TAGS",)) for task in found if task is not None]


def _known(
    connection: sa.Connection, cluster: Cluster, token: str, asked: Asked
) -> list[str] | None:
    """The tasks that this token began; None if it is new.

    Raises ServiceError (ConflictException) where it began something else.
    """
    row = connection.execute(sa.select(client_tokens).where(_token(cluster, token))).first()
    if row is None:
        return None
    if row.fingerprint != repr(asked):
        raise ServiceError(
            "ConflictException",
            "The RunTask request could not be processed due to conflicts. The provided clientToken"
            f" is already in use with a different RunTask request: {token}",
            extra={"resourceIds": list(row.document)},
        )
    return list(row.document)


def _remember(
    connection: sa.Connection, cluster: Cluster, token: str, asked: Asked, made: Sequence[str]
) -> None:
    values = {
        "cluster_id": cluster.id,
        "operation": "RunTask",
        "token": token,
        "fingerprint": repr(asked),
        "document": list(made),
        "created_at": datetime.now(UTC),
    }
    connection.execute(sa.insert(client_tokens).values(values))


def _token(cluster: Cluster, token: str) -> sa.ColumnElement[bool]:
    return sa.and_(
        client_tokens.c.cluster_id == cluster.id,
        client_tokens.c.operation == "RunTask",
        client_tokens.c.token == token,
    )
