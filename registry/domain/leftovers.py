"""Objects that nothing refers to any more, until their bytes are deleted.

The row is written by the transaction that takes the last reference away, the bytes go after
the commit, and the row goes last: wherever a crash comes, or storage does not answer, the
collector finds the row and deletes what it names. Object names are never used twice, so
whatever a row names stays waste for ever.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import leftovers
from registry.domain.vault import key_of
from registry.values.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from registry.database.database import Database
    from registry.domain.vault import Vault

_ROWS = 500
"""Paths named in one statement."""


def doom(connection: sa.Connection, paths: Iterable[str]) -> None:
    """Write down that the objects are waste; in the transaction that makes them so."""
    rows = [{"path": path} for path in dict.fromkeys(paths)]
    if rows:
        connection.execute(sa.insert(leftovers).prefix_with("OR IGNORE", dialect="sqlite"), rows)


def discard(database: Database, vault: Vault, paths: Sequence[str]) -> list[str]:
    """Delete the bytes and then the rows; the paths that are gone. After the commit of `doom`.

    Where storage does not answer, the row stays and the collector tries again.
    """
    gone = []
    for path in paths:
        with suppress(Unavailable):
            vault.driver(key_of(path)).delete(path)
            gone.append(path)
    with suppress(Unavailable):
        _forget(database, gone)
    return gone


def page(connection: sa.Connection, after: str, limit: int) -> list[str]:
    """At most `limit` paths of waste, behind the path `after`."""
    query = sa.select(leftovers.c.path).where(leftovers.c.path > after)
    return list(connection.execute(query.order_by(leftovers.c.path).limit(limit)).scalars())


def _forget(database: Database, paths: Sequence[str]) -> None:
    if not paths:
        return
    with database.write() as connection:
        for start in range(0, len(paths), _ROWS):
            part = paths[start : start + _ROWS]
            connection.execute(sa.delete(leftovers).where(leftovers.c.path.in_(part)))
