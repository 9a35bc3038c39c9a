"""Which entities of an account use which managed policies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import attachments, policies, policy_versions, roles, users
from registry.domain.identities.entities import (
    HOLDERS,
    PROFILES,
    Entity,
    Kind,
    begins,
    count,
    entity,
)

if TYPE_CHECKING:
    from registry.database.database import Database


@dataclass(frozen=True, slots=True)
class Usage:
    """How often a policy is used in one account."""

    attached: int = 0
    as_boundary: int = 0


@dataclass(frozen=True, slots=True)
class User:
    """An entity that uses a policy, one way or both."""

    entity: Entity
    attached: bool
    as_boundary: bool


def usages(connection: sa.Connection, account: str) -> dict[str, Usage]:
    """Every policy that an entity of the account uses, by ARN."""
    attached = _counted(connection, _attached(account))
    boundary = _counted(connection, _boundaries(account))
    return {
        arn: Usage(attached.get(arn, 0), boundary.get(arn, 0))
        for arn in attached.keys() | boundary.keys()
    }


class PolicyUsage:
    """Who uses a policy."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_account(self, account: str) -> dict[str, Usage]:
        """Every policy that an entity of the account uses, by ARN."""
        with self._database.read() as connection:
            return usages(connection, account)

    def entities(self, account: str, arn: str, path_prefix: str = "/") -> list[User]:
        """Entities of the account that use the policy: groups, users, roles, by name."""
        with self._database.read() as connection:
            return [
                each
                for kind in HOLDERS
                for each in _users_of_kind(connection, kind, account, arn, path_prefix)
            ]

    def counts(self, account: str) -> dict[str, int]:
        """How many of each kind the account has, by its noun; policies and versions too."""
        own = sa.select(policies.c.arn).where(policies.c.account == account)
        with self._database.read() as connection:
            found = {
                kind.noun: count(connection, kind.table, kind.table.c.account == account)
                for kind in (*HOLDERS, PROFILES)
            }
            found["policy"] = count(connection, policies, policies.c.account == account)
            versions = policy_versions.c.policy_arn.in_(own)
            found["version"] = count(connection, policy_versions, versions)
            return found


def _users_of_kind(
    connection: sa.Connection, kind: Kind, account: str, arn: str, path_prefix: str
) -> list[User]:
    table = kind.table
    rows = connection.execute(
        sa.select(table)
        .where(table.c.account == account, begins(table.c.path, path_prefix))
        .order_by(table.c.name)
    )
    holding = sa.select(attachments.c.owner_id).where(attachments.c.policy_arn == arn)
    holders = set(connection.execute(holding).scalars())
    found = []
    for row in rows:
        each = entity(kind, row)
        if each.id in holders or each.boundary == arn:
            found.append(User(each, each.id in holders, each.boundary == arn))
    return found


def _counted(connection: sa.Connection, arns: sa.Subquery) -> dict[str, int]:
    query = sa.select(arns.c.arn, sa.func.count()).group_by(arns.c.arn)
    return {row[0]: row[1] for row in connection.execute(query)}


def _attached(account: str) -> sa.Subquery:
    owners = sa.union_all(
        *(sa.select(kind.table.c.id).where(kind.table.c.account == account) for kind in HOLDERS)
    ).subquery()
    return (
        sa.select(attachments.c.policy_arn.label("arn"))
        .join(owners, owners.c.id == attachments.c.owner_id)
        .subquery()
    )


def _boundaries(account: str) -> sa.Subquery:
    return sa.union_all(
        *(
            sa.select(table.c.boundary.label("arn")).where(
                table.c.account == account, table.c.boundary.is_not(None)
            )
            for table in (users, roles)
        )
    ).subquery()
