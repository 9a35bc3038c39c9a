"""How much is held: by repositories, by accounts, by what rests, on the whole server.

What a repository holds is counted with each of its links (`repositories.bytes`): the layers and
configurations that it serves, each once; what a deletion took away is not counted from then on.
An account holds what its repositories hold together: a layer in two of them counts twice, as at
AWS. What is stored is less, for a layer lies once under each key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import blobs, images, links, repositories, resting
from registry.domain.quotas import account_bytes, under_way, under_way_in
from registry.domain.shadows import RESTING

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.values.scope import Scope


@dataclass(frozen=True, slots=True)
class Held:
    """What one repository holds."""

    name: str
    bytes: int
    images: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Bytes of an account, or of the server."""

    used: int
    """What the repositories hold: what quotas are about."""
    resting: int
    """What only deleted things hold that can still be brought back."""
    stored: int
    """Different blobs, each once for each key: what lies in storage."""
    arriving: int = 0
    """What uploads have brought that have not ended: quotas count it, too."""


class Usage:
    """Reads it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def repositories(self, scope: Scope, after: str, limit: int) -> list[Held]:
        """At most `limit` repositories by name, behind `after`."""
        table = repositories.c
        mine = images.c.repository_id == table.id
        count = sa.select(sa.func.count()).select_from(images).where(mine).scalar_subquery()
        query = (
            sa.select(table.name, table.bytes, count.label("images"))
            .where(table.account == scope.account, table.region == scope.region)
            .where(table.name > after)
            .order_by(table.name)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [Held(*row) for row in connection.execute(query)]

    def account(self, account: str) -> Totals:
        """Of one account, in all regions."""
        live = sa.select(repositories.c.id).where(repositories.c.account == account)
        shadows = sa.select(resting.c.shadow_id).where(
            resting.c.account == account, resting.c.shadow_id.isnot(None)
        )
        both = links.c.repository_id.in_(live.union_all(shadows))
        with self._database.read() as connection:
            return Totals(
                account_bytes(connection, account),
                _bytes(connection, _only_resting(shadows)),
                _bytes(connection, blobs.c.id.in_(sa.select(links.c.blob_id).where(both))),
                under_way_in(connection, account),
            )

    def server(self) -> Totals:
        """Of all accounts together."""
        held = sa.select(sa.func.coalesce(sa.func.sum(repositories.c.bytes), 0))
        shadows = sa.select(repositories.c.id).where(repositories.c.account == RESTING)
        with self._database.read() as connection:
            used = connection.execute(held.where(repositories.c.account != RESTING)).scalar_one()
            return Totals(
                int(used),
                _bytes(connection, _only_resting(shadows)),
                _bytes(connection, sa.true()),
                under_way(connection, sa.true()),
            )


def recount(connection: sa.Connection) -> dict[int, int]:
    """What each repository holds, counted anew from its links; by the repository's id."""
    size = sa.func.coalesce(sa.func.sum(blobs.c.size), 0)
    query = (
        sa.select(repositories.c.id, size)
        .outerjoin(links, sa.and_(links.c.repository_id == repositories.c.id, ~links.c.withdrawn))
        .outerjoin(blobs, blobs.c.id == links.c.blob_id)
        .group_by(repositories.c.id)
    )
    return {row[0]: int(row[1]) for row in connection.execute(query)}


def _only_resting(shadows: sa.Select[Any]) -> sa.ColumnElement[bool]:
    """Blobs that the shadows hold and no repository that lives."""
    held = sa.select(links.c.blob_id).where(links.c.repository_id.in_(shadows))
    living = (
        sa.exists(links.c.blob_id)
        .where(links.c.blob_id == blobs.c.id, repositories.c.id == links.c.repository_id)
        .where(repositories.c.account != RESTING, ~links.c.withdrawn)
    )
    return sa.and_(blobs.c.id.in_(held), ~living)


def _bytes(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> int:
    size = sa.func.coalesce(sa.func.sum(blobs.c.size), 0)
    return int(connection.execute(sa.select(size).where(condition)).scalar_one())
