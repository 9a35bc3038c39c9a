"""Services on request: create, change, delete, describe, list.

Source: ECS API reference, CreateService, UpdateService, DeleteService, DescribeServices,
ListServices.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.ecs import arns
from registry.ecs.control import clusters, definitions, service_checks, service_rows, tags
from registry.ecs.control.service_rows import ACTIVE, DRAINING, INACTIVE
from registry.ecs.control.service_shown import described
from registry.ecs.control.strategies import provider_of
from registry.ecs.errors import invalid, service_not_active, service_not_found
from registry.ecs.store.tables import client_tokens, services

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.database.database import Database
    from registry.ecs.control.clusters import Cluster
    from registry.ecs.control.service_rows import Service
    from registry.values.scope import Scope


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request says of a service; None, or a missing key, where it says nothing."""

    definition: str | None = None
    desired: int | None = None
    configuration: Mapping[str, Any] = field(default_factory=dict)
    """A DeploymentConfiguration."""
    capacity: Mapping[str, Any] = field(default_factory=dict)
    """launchType, capacityProviderStrategy, platformVersion, networkConfiguration."""
    members: Mapping[str, Any] = field(default_factory=dict)
    """Members of the service itself, by the model's names."""
    force: bool = False
    """forceNewDeployment."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Tags of a new service."""


class Services:
    """The services of all clusters."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        scope: Scope,
        cluster: str | None,
        name: str,
        wanted: Wanted,
        token: str | None = None,
    ) -> dict[str, Any]:
        """A new service; the same `token` makes none a second time. Raises ServiceError."""
        arns.check_name(name, "Service")
        with self._database.write() as connection:
            home = clusters.active(connection, scope, cluster)
            found = service_rows.find(connection, home, name)
            if found is not None and found.status != INACTIVE:
                return _again(connection, found, token, repr((name, wanted)))
            if found is not None:
                connection.execute(sa.delete(services).where(services.c.id == found.id))
            made = _create(connection, home, name, wanted)
            tags.put(connection, made.arn, wanted.labels)
            if token:
                _remember(connection, home, token, repr((name, wanted)))
            return described(connection, made, ("TAGS",))

    def update(
        self, scope: Scope, cluster: str | None, given: str, wanted: Wanted
    ) -> dict[str, Any]:
        """Change what is given; a new deployment where tasks are to become others.

        Raises ServiceError.
        """
        with self._database.write() as connection:
            home = clusters.active(connection, scope, cluster)
            found = _existing(connection, home, given)
            if found.status != ACTIVE:
                raise service_not_active()
            return described(connection, _update(connection, found, wanted), ("TAGS",))

    def delete(
        self, scope: Scope, cluster: str | None, given: str, *, force: bool
    ) -> dict[str, Any]:
        """Have a service stop its tasks and end. Raises ServiceError."""
        with self._database.write() as connection:
            home = clusters.active(connection, scope, cluster)
            found = _existing(connection, home, given)
            if found.status == INACTIVE:
                raise service_not_found()
            if found.desired_count > 0 and not force and not found.daemon:
                raise invalid("The service cannot be stopped while it is scaled above 0.")
            mine = sa.update(services).where(services.c.id == found.id)
            connection.execute(mine.values(status=DRAINING, desired_count=0))
            now = datetime.now(UTC)
            reason = "The service is being deleted."
            service_rows.end_deployment(connection, found.id, "STOPPED", reason, now)
            return described(connection, service_rows.by_id(connection, found.id))

    def describe(
        self, scope: Scope, cluster: str | None, given: Sequence[str], include: Sequence[str]
    ) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
        """The services, and a failure for each that there is not. Raises ServiceError."""
        found, failures = [], []
        with self._database.read() as connection:
            home = clusters.active(connection, scope, cluster)
            for each in given:
                service = service_rows.find(connection, home, each)
                if service is None:
                    name = arns.short_id(scope, each, "service")
                    arn = arns.service_arn(scope, home.name, name)
                    failures.append({"arn": arn, "reason": "MISSING"})
                else:
                    found.append(described(connection, service, include))
        return found, failures

    def names(
        self, scope: Scope, cluster: str | None, chosen: Mapping[str, str], after: str, limit: int
    ) -> tuple[Cluster, list[str]]:
        """Names of services behind `after`, in order; `chosen`: launchType, schedulingStrategy.

        Raises ServiceError.
        """
        with self._database.read() as connection:
            home = clusters.active(connection, scope, cluster)
            statement = (
                sa.select(services.c.name)
                .where(services.c.cluster_id == home.id, services.c.status != INACTIVE)
                .where(services.c.name > after)
                .order_by(services.c.name)
                .limit(limit)
            )
            for name, value in chosen.items():
                statement = statement.where(services.c.document[name].as_string() == value)
            return home, list(connection.execute(statement).scalars())


def _existing(connection: sa.Connection, cluster: Cluster, given: str) -> Service:
    found = service_rows.find(connection, cluster, given)
    if found is None:
        raise service_not_found()
    return found


def _create(connection: sa.Connection, cluster: Cluster, name: str, wanted: Wanted) -> Service:
    strategy = wanted.members["schedulingStrategy"]
    daemon = strategy == service_rows.DAEMON
    if wanted.definition is None:
        raise invalid("TaskDefinition can not be blank.")
    definition = definitions.usable(connection, cluster.scope, wanted.definition)
    capacity = service_checks.default_capacity(cluster, wanted.capacity)
    revision = service_checks.checked_revision(definition, capacity, daemon=daemon)
    _check_providers(cluster, revision)
    configuration = service_checks.checked_configuration(wanted.configuration, None, daemon=daemon)
    document = {**wanted.members, "deploymentConfiguration": configuration}
    document = _with_capacity(document, revision)
    values = {
        "cluster_id": cluster.id,
        "name": name,
        "status": ACTIVE,
        "desired_count": service_checks.check_desired(wanted.desired, strategy),
        "document": document,
        "created_at": datetime.now(UTC),
    }
    connection.execute(sa.insert(services).values(values))
    made = service_rows.find(connection, cluster, name)
    assert made is not None  # noqa: S101 - the row was written in this transaction
    service_rows.deploy(connection, made, revision)
    return made


def _update(connection: sa.Connection, service: Service, wanted: Wanted) -> Service:
    members = {key: value for key, value in wanted.members.items() if value is not None}
    configuration = service_checks.checked_configuration(
        wanted.configuration, service.document["deploymentConfiguration"], daemon=service.daemon
    )
    document = {**service.document, **members, "deploymentConfiguration": configuration}
    primary = service_rows.primary_of(service_rows.every_revision(connection, service.id))
    revision = _next_revision(connection, service, primary.document, wanted)
    document = _with_capacity(document, revision)
    desired = service.desired_count
    if wanted.desired is not None:
        strategy = service.document["schedulingStrategy"]
        desired = service_checks.check_desired(wanted.desired, strategy)
    mine = sa.update(services).where(services.c.id == service.id)
    connection.execute(mine.values(document=document, desired_count=desired))
    changed = service_rows.by_id(connection, service.id)
    if wanted.force or revision != primary.document:
        service_rows.deploy(connection, changed, revision)
    elif desired != service.desired_count:
        again = replace(primary.rollout, retry_at=0.0, rounds=0, steady=False, blocked=False)
        service_rows.save_rollout(connection, again)
    return changed


def _next_revision(
    connection: sa.Connection, service: Service, before: Mapping[str, Any], wanted: Wanted
) -> dict[str, Any]:
    """What the service's tasks are to be started with from now on."""
    given = {key: value for key, value in wanted.capacity.items() if value is not None}
    if not given and wanted.definition is None:
        return dict(before)
    scope = service.cluster.scope
    if wanted.definition is None:
        definition = definitions.find(connection, scope, before["taskDefinition"])
        if definition is None:
            raise invalid("The service's task definition is no more: name another one.")
    else:
        definition = definitions.usable(connection, scope, wanted.definition)
    basis = {key: value for key, value in before.items() if key != "healthChecked"}
    if "capacityProviderStrategy" in given:
        basis.pop("launchType", None)
        if not given["capacityProviderStrategy"]:
            basis.pop("platformVersion", None)
    found = service_checks.checked_revision(definition, {**basis, **given}, daemon=service.daemon)
    _check_providers(service.cluster, found)
    return found


def _check_providers(cluster: Cluster, revision: Mapping[str, Any]) -> None:
    if revision.get("capacityProviderStrategy"):
        provider_of(cluster, revision["capacityProviderStrategy"], 0)


def _with_capacity(document: Mapping[str, Any], revision: Mapping[str, Any]) -> dict[str, Any]:
    """The service's document with what it shows of its revision and can be chosen by."""
    found = {key: value for key, value in document.items() if key != "launchType"}
    if "launchType" in revision:
        found["launchType"] = revision["launchType"]
    return found


def _again(
    connection: sa.Connection, found: Service, token: str | None, fingerprint: str
) -> dict[str, Any]:
    """The service that is there already, where the same request made it. Raises ServiceError."""
    if found.status == DRAINING:
        raise invalid("Unable to Start a service that is still Draining.")
    known = None
    if token:
        mine = sa.select(client_tokens.c.fingerprint).where(_token(found.cluster, token))
        known = connection.execute(mine).scalar()
    if known != fingerprint:
        raise invalid("Creation of service was not idempotent.")
    return described(connection, found, ("TAGS",))


def _remember(connection: sa.Connection, cluster: Cluster, token: str, fingerprint: str) -> None:
    connection.execute(sa.delete(client_tokens).where(_token(cluster, token)))
    values = {
        "cluster_id": cluster.id,
        "operation": "CreateService",
        "token": token,
        "fingerprint": fingerprint,
        "document": [],
        "created_at": datetime.now(UTC),
    }
    connection.execute(sa.insert(client_tokens).values(values))


def _token(cluster: Cluster, token: str) -> sa.ColumnElement[bool]:
    return sa.and_(
        client_tokens.c.cluster_id == cluster.id,
        client_tokens.c.operation == "CreateService",
        client_tokens.c.token == token,
    )
