"""Which keys the contents of a repository lie under.

All of it lies under the repository's key, but while the repository moves to another one
(`rekeying`), when some of it still lies under a key that it leaves. From the first moment of a
move everything new goes to the new key. A request that began before it may still write under
the old one: `note` then has the move begin again, so that it ends only with nothing left behind.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import blobs, links, rekeys, repositories

if TYPE_CHECKING:
    from collections.abc import Iterable


def current(connection: sa.Connection, repository_id: int) -> str | None:
    """The repository's key in this transaction; None where the repository is gone."""
    query = sa.select(repositories.c.key_id).where(repositories.c.id == repository_id)
    return connection.execute(query).scalar()


def readable(repository_id: int) -> sa.CompoundSelect[Any]:
    """The keys that contents of the repository may lie under: its own and those it leaves."""
    own = sa.select(repositories.c.key_id).where(repositories.c.id == repository_id)
    left = sa.select(rekeys.c.key_id).where(
        rekeys.c.repository_id == repository_id, rekeys.c.finished_at.is_(None)
    )
    return own.union_all(left)


def link_of(repository_id: int) -> sa.Select[Any]:
    """The link of a blob to the repository, within a query of blobs: since when it is idle.

    Not a join: SQLite would go through all links of the repository.
    """
    mine = (links.c.repository_id == repository_id, links.c.blob_id == blobs.c.id)
    return sa.select(links.c.idle_since).where(*mine).correlate(blobs)


def note(connection: sa.Connection, repository_id: int, key_id: str) -> None:
    """Something was written under that key: if it is not the repository's, it is to be moved."""
    own = current(connection, repository_id)
    if own is not None and own != key_id:
        leave(connection, repository_id, key_id)


def leave(connection: sa.Connection, repository_id: int, key_id: str) -> None:
    """Have everything moved away from that key; where that goes on, it goes on."""
    mine = _is(repository_id, key_id)
    if connection.execute(sa.select(rekeys.c.key_id).where(*mine)).first() is not None:
        again = {"finished_at": None, "problem": None, "tried_at": None}
        connection.execute(sa.update(rekeys).where(*mine).values(**again))
        return
    row = {"repository_id": repository_id, "key_id": key_id, "started_at": datetime.now(UTC)}
    connection.execute(sa.insert(rekeys).values(**row, blobs=0, blob_bytes=0, manifests=0))


def stay(connection: sa.Connection, repository_id: int, key_id: str) -> None:
    """Nothing leaves that key: it is the repository's own again."""
    connection.execute(sa.delete(rekeys).where(*_is(repository_id, key_id)))


def _is(repository_id: int, key_id: str) -> Iterable[sa.ColumnElement[bool]]:
    return (rekeys.c.repository_id == repository_id, rekeys.c.key_id == key_id)
