"""What users, groups, roles and instance profiles have in common: a name, a path, an account.

Everything is asked for by account and name. Names are unique in an account, whatever their
path and case, and found in any case, as at AWS.

Source: IAM User Guide, "IAM identifiers" and "IAM and AWS STS quotas".
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import sqlalchemy as sa

from registry.database.schema import groups, instance_profiles, roles, users
from registry.domain.identities.arns import GROUP, PROFILE, ROLE, USER, iam_arn
from registry.domain.identities.naming import rename_principal
from registry.values.errors import EntityExists, EntityNotFound, LimitExceeded

if TYPE_CHECKING:
    from registry.database.database import Database

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of entity."""

    noun: str
    """As in ARNs."""
    table: sa.Table = field(repr=False)
    prefix: str
    """Of unique ids."""
    quota: int
    """At most in one account."""
    policies: str = ""
    """AWS's name of the quota of managed policies attached."""
    inline_limit: int = 0
    """Characters of all inline policies together, white space not counted."""

    @property
    def title(self) -> str:
        """As in messages."""
        return self.noun.capitalize()

    def missing(self, name: str) -> EntityNotFound:
        """The error of a name that nothing has."""
        if self is PROFILES:
            return EntityNotFound(f"Instance Profile {name} cannot be found.")
        return EntityNotFound(f"The {self.noun} with name {name} cannot be found.")

    def taken(self, name: str) -> EntityExists:
        """The error of a name that something has."""
        if self is PROFILES:
            return EntityExists(f"Instance Profile {name} already exists.")
        return EntityExists(f"{self.title} with name {name} already exists.")


USERS = Kind("user", users, USER, 5000, "PoliciesPerUser", 2048)
GROUPS = Kind("group", groups, GROUP, 500, "PoliciesPerGroup", 5120)
ROLES = Kind("role", roles, ROLE, 5000, "PoliciesPerRole", 10240)
PROFILES = Kind("instance-profile", instance_profiles, PROFILE, 5000)
HOLDERS = (GROUPS, USERS, ROLES)
"""What can have policies, in the order of ListEntitiesForPolicy."""


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity, as stored."""

    kind: Kind
    id: str
    """The unique id."""
    account: str
    path: str
    name: str
    created_at: datetime
    tags: Mapping[str, str]
    boundary: str | None
    """ARN of the permissions boundary."""

    @property
    def arn(self) -> str:
        """The ARN, with the path."""
        return iam_arn(self.account, self.kind.noun, self.path, self.name)


class Entities(ABC, Generic[E]):
    """Get, list and rename the entities of one kind."""

    kind: Kind

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, account: str, name: str) -> E:
        """The entity of that name. Raises EntityNotFound."""
        with self._database.read() as connection:
            return self._entity(connection, named(connection, self.kind, account, name))

    def find(self, account: str, name: str) -> E | None:
        """The entity of that name, if there is one."""
        try:
            return self.get(account, name)
        except EntityNotFound:
            return None

    def page(self, account: str, after: str, limit: int, path_prefix: str = "/") -> list[E]:
        """Entities whose path begins so, in the order of their names, behind `after`."""
        table = self.kind.table
        query = (
            sa.select(table)
            .where(table.c.account == account, table.c.name > after)
            .where(begins(table.c.path, path_prefix))
            .order_by(table.c.name)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [self._entity(connection, row) for row in connection.execute(query).all()]

    def rename(self, account: str, name: str, new_name: str | None, new_path: str | None) -> None:
        """Another name or path; the unique id stays. Raises EntityNotFound, EntityExists."""
        table = self.kind.table
        with self._database.write() as connection:
            row = named(connection, self.kind, account, name)
            if new_name is not None and new_name.lower() != row.name.lower():
                require_free(connection, self.kind, account, new_name)
            changed = {"name": new_name or row.name, "path": new_path or row.path}
            connection.execute(sa.update(table).where(table.c.id == row.id).values(changed))
            old = entity(self.kind, row).arn
            new = iam_arn(account, self.kind.noun, changed["path"], changed["name"])
            rename_principal(connection, old, new)

    @abstractmethod
    def _entity(self, connection: sa.Connection, row: sa.Row[Any]) -> E:
        """A row of the kind's table, with what lies in other tables."""


def entity(kind: Kind, row: sa.Row[Any]) -> Entity:
    """A row of the kind's table as an entity."""
    fields = row._mapping
    return Entity(
        kind=kind,
        id=row.id,
        account=row.account,
        path=row.path,
        name=row.name,
        created_at=row.created_at,
        tags=fields.get("tags") or {},
        boundary=fields.get("boundary"),
    )


def named(connection: sa.Connection, kind: Kind, account: str, name: str) -> sa.Row[Any]:
    """The row of that name. Raises EntityNotFound."""
    row = connection.execute(_by_name(kind, account, name)).first()
    if row is None:
        raise kind.missing(name)
    return row


def require_free(connection: sa.Connection, kind: Kind, account: str, name: str) -> None:
    """Raise EntityExists if the name is taken."""
    if connection.execute(_by_name(kind, account, name)).first() is not None:
        raise kind.taken(name)


def require_room(connection: sa.Connection, kind: Kind, account: str) -> None:
    """Raise LimitExceeded if the account has as many as it may."""
    if count(connection, kind.table, kind.table.c.account == account) >= kind.quota:
        what = "InstanceProfiles" if kind is PROFILES else f"{kind.title}s"
        raise exceeded(f"{what}PerAccount", kind.quota)


def exceeded(quota: str, limit: int) -> LimitExceeded:
    """The error of one more than a quota allows, in AWS's words."""
    return LimitExceeded(f"Cannot exceed quota for {quota}: {limit}")


def count(connection: sa.Connection, table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
    """How many rows of the table there are."""
    query = sa.select(sa.func.count()).select_from(table).where(*where)
    return int(connection.execute(query).scalar_one())


def begins(column: sa.ColumnElement[str], prefix: str) -> sa.ColumnElement[bool]:
    """Whether a text begins with the prefix, in that case."""
    return sa.func.substr(column, 1, len(prefix)) == prefix


def _by_name(kind: Kind, account: str, name: str) -> sa.Select[Any]:
    table = kind.table
    return sa.select(table).where(table.c.account == account, table.c.name == name)
