"""Task definitions: families of revisions that never change.

Source: ECS API reference, RegisterTaskDefinition, DeregisterTaskDefinition,
DeleteTaskDefinitions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.aws.errors import ServiceError
from registry.ecs import arns
from registry.ecs.control import tags
from registry.ecs.errors import client_error, invalid
from registry.ecs.store.tables import families, task_definitions, tasks
from registry.values.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.database.database import Database

ACTIVE, INACTIVE, DELETING = "ACTIVE", "INACTIVE", "DELETE_IN_PROGRESS"
_DATES = ("registeredAt", "deregisteredAt", "deleteRequestedAt")


@dataclass(frozen=True, slots=True)
class Definition:
    """One revision."""

    scope: Scope
    family: str
    revision: int
    status: str
    document: Mapping[str, Any]
    """By the model's names; its dates in seconds since 1970."""

    @property
    def arn(self) -> str:
        """Its ARN."""
        return arns.task_definition_arn(self.scope, self.family, self.revision)

    def described(self) -> dict[str, Any]:
        """As the model's TaskDefinition."""
        dates = {
            name: datetime.fromtimestamp(self.document[name], UTC)
            for name in _DATES
            if name in self.document
        }
        return {
            **self.document,
            **dates,
            "taskDefinitionArn": self.arn,
            "family": self.family,
            "revision": self.revision,
            "status": self.status,
        }


def find(connection: sa.Connection, scope: Scope, given: str) -> Definition | None:
    """The revision that `family`, `family:revision` or an ARN means; without a revision the
    newest ACTIVE one. Raises ServiceError (InvalidParameterException, ClientException).
    """
    family, revision = _split(arns.short_id(scope, given, "task-definition"))
    statement = _in(scope).where(task_definitions.c.family == family)
    if revision is None:
        statement = statement.where(task_definitions.c.status == ACTIVE)
        statement = statement.order_by(task_definitions.c.revision.desc()).limit(1)
    else:
        statement = statement.where(task_definitions.c.revision == revision)
    row = connection.execute(statement).first()
    return None if row is None else _of(row)


def usable(connection: sa.Connection, scope: Scope, given: str) -> Definition:
    """An ACTIVE revision, for a new task or service.

    Raises ServiceError (ClientException, InvalidParameterException).
    """
    found = find(connection, scope, given)
    if found is None:
        raise client_error("TaskDefinition not found.")
    if found.status != ACTIVE:
        raise client_error("TaskDefinition is inactive")
    return found


class Definitions:
    """Register, describe, list, deregister, delete."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(
        self, scope: Scope, document: Mapping[str, Any], by: str, labels: Mapping[str, str]
    ) -> Definition:
        """The family's next revision, of a document that `definitions/` has checked."""
        family = document["family"]
        kept = {**document, "registeredBy": by, "registeredAt": datetime.now(UTC).timestamp()}
        with self._database.write() as connection:
            revision = _next_revision(connection, scope, family)
            values = {
                "account": scope.account,
                "region": scope.region,
                "family": family,
                "revision": revision,
                "status": ACTIVE,
                "document": kept,
            }
            connection.execute(sa.insert(task_definitions).values(values))
            made = Definition(scope, family, revision, ACTIVE, kept)
            tags.put(connection, made.arn, labels)
        return made

    def describe(self, scope: Scope, given: str) -> tuple[Definition, dict[str, str]]:
        """A revision and its tags. Raises ServiceError (ClientException)."""
        with self._database.read() as connection:
            found = find(connection, scope, given)
            if found is None:
                raise client_error("Unable to describe task definition.")
            return found, tags.of(connection, found.arn)

    def families(self, scope: Scope, prefix: str, status: str, after: str, limit: int) -> list[str]:
        """Names of families behind `after` that begin with `prefix`, in order.

        `status` ACTIVE: those with an ACTIVE revision; INACTIVE: those without; ALL.
        """
        living = sa.func.max(sa.case((task_definitions.c.status == ACTIVE, 1), else_=0))
        statement = (
            sa.select(task_definitions.c.family)
            .where(
                task_definitions.c.account == scope.account,
                task_definitions.c.region == scope.region,
                task_definitions.c.family > after,
                task_definitions.c.family.startswith(prefix, autoescape=True),
            )
            .group_by(task_definitions.c.family)
            .order_by(task_definitions.c.family)
            .limit(limit)
        )
        if status != "ALL":
            statement = statement.having(living == (1 if status == ACTIVE else 0))
        with self._database.read() as connection:
            return list(connection.execute(statement).scalars())

    def revisions(
        self,
        scope: Scope,
        family: str | None,
        status: str,
        after: tuple[int, str],
        limit: int,
        *,
        descending: bool,
    ) -> list[tuple[int, str]]:
        """(revision, family) behind `after`, by family and revision.

        `after` is (-1, "") at the beginning.
        """
        table = task_definitions.c
        key = sa.tuple_(table.family, table.revision)
        statement = (
            sa.select(table.revision, table.family)
            .where(table.account == scope.account, table.region == scope.region)
            .where(table.status == status)
            .limit(limit)
        )
        if family is not None:
            statement = statement.where(table.family == family)
        if after[0] >= 0:
            bound = sa.tuple_(sa.literal(after[1]), sa.literal(after[0]))
            statement = statement.where(key < bound if descending else key > bound)
        order = (table.family, table.revision)
        statement = statement.order_by(*(each.desc() if descending else each for each in order))
        with self._database.read() as connection:
            return [(row.revision, row.family) for row in connection.execute(statement)]

    def deregister(self, scope: Scope, given: str) -> Definition:
        """Make a revision INACTIVE: no new task or service may use it.

        Raises ServiceError (ClientException, InvalidParameterException).
        """
        if _split(arns.short_id(scope, given, "task-definition"))[1] is None:
            raise invalid(
                "Invalid revision number. Number should be an integer greater than 0 and less"
                " than 2147483647."
            )
        with self._database.write() as connection:
            found = find(connection, scope, given)
            if found is None:
                raise client_error("The specified task definition does not exist.")
            if found.status == INACTIVE:
                raise invalid("The specified task definition is inactive.")
            return _changed(connection, found, INACTIVE, "deregisteredAt")

    def delete(
        self, scope: Scope, given: Sequence[str]
    ) -> tuple[list[Definition], list[dict[str, str]]]:
        """Have INACTIVE revisions deleted, once no task refers to them any more."""
        found, failures = [], []
        with self._database.write() as connection:
            for each in given:
                try:
                    found.append(_delete(connection, scope, each))
                except ServiceError as error:
                    failures.append({"arn": each, "reason": error.code, "detail": error.message})
        return found, failures

    def purge(self) -> int:
        """Drop the rows of deleted revisions that nothing uses; how many went."""
        used = sa.select(tasks.c.definition_arn).where(tasks.c.last_status != "STOPPED")
        with self._database.write() as connection:
            named = set(connection.execute(used).scalars())
            statement = sa.select(task_definitions).where(task_definitions.c.status == DELETING)
            gone = [row for row in connection.execute(statement) if _of(row).arn not in named]
            for row in gone:
                tags.remove(connection, _of(row).arn)
                mine = task_definitions.c.id == row.id
                connection.execute(sa.delete(task_definitions).where(mine))
        return len(gone)


def _delete(connection: sa.Connection, scope: Scope, given: str) -> Definition:
    found = find(connection, scope, given)
    if found is None or ":" not in given.rpartition("/")[2]:
        raise client_error("The specified task definition does not exist.")
    if found.status == ACTIVE:
        raise client_error(
            "The specified task definition is still in ACTIVE status. Please deregister the"
            " target and try again."
        )
    if found.status == DELETING:
        return found
    return _changed(connection, found, DELETING, "deleteRequestedAt")


def _changed(connection: sa.Connection, found: Definition, status: str, date: str) -> Definition:
    document = {**found.document, date: datetime.now(UTC).timestamp()}
    mine = sa.update(task_definitions).where(
        task_definitions.c.account == found.scope.account,
        task_definitions.c.region == found.scope.region,
        task_definitions.c.family == found.family,
        task_definitions.c.revision == found.revision,
    )
    connection.execute(mine.values(status=status, document=document))
    return Definition(found.scope, found.family, found.revision, status, document)


def _next_revision(connection: sa.Connection, scope: Scope, family: str) -> int:
    key = {"account": scope.account, "region": scope.region, "family": family}
    mine = sa.and_(*(families.c[name] == value for name, value in key.items()))
    last = connection.execute(sa.select(families.c.last_revision).where(mine)).scalar()
    if last is None:
        connection.execute(sa.insert(families).values(**key, last_revision=1))
        return 1
    connection.execute(sa.update(families).where(mine).values(last_revision=last + 1))
    return int(last) + 1


def _split(given: str) -> tuple[str, int | None]:
    family, colon, revision = given.partition(":")
    if not colon:
        return family, None
    if not (revision.isascii() and revision.isdigit()) or int(revision) < 1:
        raise invalid(
            "Invalid revision number. Number should be an integer greater than 0 and less than"
            " 2147483647."
        )
    return family, int(revision)


def _in(scope: Scope) -> sa.Select[Any]:
    return sa.select(task_definitions).where(
        task_definitions.c.account == scope.account, task_definitions.c.region == scope.region
    )


def _of(row: sa.Row[Any]) -> Definition:
    scope = Scope(row.account, row.region)
    return Definition(scope, row.family, row.revision, row.status, row.document)
