"""The lifecycle policies of repositories, and when each is to run next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import lifecycle_policies, repositories
from registry.domain.lifecycle.language import in_order
from registry.domain.tasks import now
from registry.values.expiring import LifecyclePolicyNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from registry.database.database import Database
    from registry.domain.repositories import Repository
    from registry.values.scope import Scope

SETTLING = timedelta(minutes=1)
"""A policy that was set by mistake can be taken back for so long before it first runs."""


@dataclass(frozen=True, slots=True)
class LifecyclePolicy:
    """A repository's policy, as stored."""

    repository_id: int
    document: str
    """With its rules in the order of their priorities."""
    changed_at: datetime
    due_at: datetime
    evaluated_at: datetime | None
    last_run: Mapping[str, int]
    """What the last run did: images `expired`, `archived` and left for a later run, `kept`."""


class LifecyclePolicies:
    """Put, get, delete."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._clock = clock

    def put(self, repository: Repository, text: str) -> str:
        """Set the policy, a text that was checked before; the text as it is kept. Vanished."""
        with self._database.write() as connection:
            return put(connection, repository.id, text, self._clock())

    def get(self, repository: Repository) -> LifecyclePolicy:
        """The policy. Raises LifecyclePolicyNotFound."""
        with self._database.read() as connection:
            found = find(connection, repository.id)
        if found is None:
            raise _none(repository)
        return found

    def delete(self, repository: Repository) -> LifecyclePolicy:
        """Remove the policy; what it was. Raises LifecyclePolicyNotFound."""
        with self._database.write() as connection:
            found = find(connection, repository.id)
            if found is None:
                raise _none(repository)
            remove(connection, repository.id)
        return found

    def names(self, scope: Scope) -> list[str]:
        """Names of the repositories that have a policy."""
        query = (
            sa.select(repositories.c.name)
            .join(lifecycle_policies, lifecycle_policies.c.repository_id == repositories.c.id)
            .where(repositories.c.account == scope.account, repositories.c.region == scope.region)
            .order_by(repositories.c.name)
        )
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())


def put(connection: sa.Connection, repository_id: int, text: str, moment: datetime) -> str:
    """Set a repository's policy in this transaction; the text as it is kept."""
    row = {
        "document": in_order(text),
        "changed_at": moment,
        "due_at": moment + SETTLING,
        "evaluated_at": None,
        "last_run": None,
    }
    remove(connection, repository_id)
    connection.execute(sa.insert(lifecycle_policies).values(repository_id=repository_id, **row))
    return str(row["document"])


def find(connection: sa.Connection, repository_id: int) -> LifecyclePolicy | None:
    """A repository's policy in this transaction."""
    query = sa.select(lifecycle_policies).where(_of(repository_id))
    row = connection.execute(query).first()
    return None if row is None else _policy(row)


def remove(connection: sa.Connection, repository_id: int) -> None:
    """Take a repository's policy away, if it has one."""
    connection.execute(sa.delete(lifecycle_policies).where(_of(repository_id)))


def due(connection: sa.Connection, moment: datetime) -> LifecyclePolicy | None:
    """The policy that has been due for longest."""
    query = (
        sa.select(lifecycle_policies)
        .where(lifecycle_policies.c.due_at <= moment)
        .order_by(lifecycle_policies.c.due_at, lifecycle_policies.c.repository_id)
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else _policy(row)


def ran(connection: sa.Connection, policy: LifecyclePolicy, **values: Any) -> bool:
    """Note what a run did, unless the policy has changed since; whether it has not."""
    noted = (
        sa.update(lifecycle_policies)
        .where(_of(policy.repository_id), lifecycle_policies.c.changed_at == policy.changed_at)
        .values(**values)
    )
    return connection.execute(noted).rowcount == 1


def _of(repository_id: int) -> sa.ColumnElement[bool]:
    return lifecycle_policies.c.repository_id == repository_id


def _policy(row: sa.Row[Any]) -> LifecyclePolicy:
    return LifecyclePolicy(
        repository_id=row.repository_id,
        document=row.document,
        changed_at=row.changed_at,
        due_at=row.due_at,
        evaluated_at=row.evaluated_at,
        last_run=row.last_run or {},
    )


def _none(repository: Repository) -> LifecyclePolicyNotFound:
    return LifecyclePolicyNotFound(
        f"Lifecycle policy does not exist for the repository with name '{repository.name}'"
        f" in the registry with id '{repository.scope.account}'"
    )
