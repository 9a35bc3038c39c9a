"""Tags that came from an upstream, and when they were last compared with it.

What stands on another digest than the upstream's was moved by a push: it is the repository's
own, and no upstream ever moves it. The row is written before the tag moves, with the digest
before: wherever a crash comes, the tag is known to be the upstream's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import upstream_tags as table

if TYPE_CHECKING:
    from registry.database.database import Cache, Database
    from registry.domain.repositories import Repository
    from registry.values.digest import Digest

_NEVER = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Compared:
    """What is known of one tag."""

    digests: frozenset[str]
    """On which of them it stands if nobody else moved it."""
    at: datetime


class UpstreamTags:
    """Find, announce, settle."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self._database = database
        self._cache = cache

    def find(self, repository: Repository, tag: str) -> Compared | None:
        """The tag, if it ever came from an upstream. Quick."""
        key = ("upstream tag", repository.id, tag)
        return self._cache.get(key, lambda: self._load(repository, tag))

    def announce(self, repository: Repository, tag: str, old: Digest | None, new: Digest) -> None:
        """The tag is about to move from `old` to `new`."""
        previous = None if old is None else str(old)
        self._put(repository, tag, str(new), previous, _NEVER)

    def settle(self, repository: Repository, tag: str, digest: Digest, at: datetime) -> None:
        """The tag stands on the digest, as compared then."""
        self._put(repository, tag, str(digest), None, at)

    def _put(
        self, repository: Repository, tag: str, digest: str, previous: str | None, at: datetime
    ) -> None:
        values = {"digest": digest, "previous": previous, "checked_at": at}
        with self._database.write() as connection:
            changed = connection.execute(
                sa.update(table).where(*_is(repository, tag)).values(values)
            )
            if not changed.rowcount:
                row = {"repository_id": repository.id, "name": tag, **values}
                connection.execute(sa.insert(table).values(row))

    def _load(self, repository: Repository, tag: str) -> Compared | None:
        with self._database.read() as connection:
            row = connection.execute(sa.select(table).where(*_is(repository, tag))).first()
        if row is None:
            return None
        known = frozenset(each for each in (row.digest, row.previous) if each is not None)
        return Compared(known, row.checked_at)


def _is(repository: Repository, tag: str) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.repository_id == repository.id, table.c.name == tag
