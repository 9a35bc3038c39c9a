"""Shadows: repositories that nobody can name, and that hold what rests after a deletion.

A repository that rests is its own row under an account that is none, so that everything which
hangs on it stays as it is: images, tags, links, policies. An image that rests is moved to a
shadow made for it alone. Whatever finds repositories by account, region and name never finds
one; whatever goes through all rows (collection, verification, backup) takes them as any other.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import repositories

if TYPE_CHECKING:
    from registry.values.scope import Scope

RESTING = "resting"
"""The account of shadows. No real one has letters."""


def make(connection: sa.Connection, source_id: int) -> int:
    """An empty shadow, under the key of the repository; its id."""
    source = connection.execute(_row(source_id)).one()
    values = {
        **source._mapping,
        "account": RESTING,
        "region": "",
        "name": f"of {source_id}, {datetime.now(UTC).timestamp()}",
        "resource_tags": {},
        "bytes": 0,
    }
    del values["id"]
    key = connection.execute(sa.insert(repositories).values(values)).inserted_primary_key
    assert key is not None  # noqa: S101 - one row was inserted
    shadow_id = int(key[0])
    hide(connection, shadow_id)
    return shadow_id


def hide(connection: sa.Connection, repository_id: int) -> None:
    """Make the repository a shadow."""
    _rename(connection, repository_id, RESTING, "", str(repository_id))


def show(connection: sa.Connection, shadow_id: int, scope: Scope, name: str) -> None:
    """Make the shadow a repository again."""
    _rename(connection, shadow_id, scope.account, scope.region, name)


def _rename(
    connection: sa.Connection, repository_id: int, account: str, region: str, name: str
) -> None:
    connection.execute(
        sa.update(repositories)
        .where(repositories.c.id == repository_id)
        .values(account=account, region=region, name=name)
    )


def _row(repository_id: int) -> sa.Select[Any]:
    return sa.select(repositories).where(repositories.c.id == repository_id)
