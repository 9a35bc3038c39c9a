"""Lets what a deletion left behind follow, a grace period later: referrers, images of an index.

Until then the same subject or index can be pushed again and finds all that belonged to it. What
has got a tag of its own meanwhile stays, what is in use waits (`leaving`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import orphans, repositories
from registry.domain.deletions import Gone, Named
from registry.domain.lifecycle.leaving import Fates, Leaving, Left
from registry.domain.orphans import among
from registry.domain.shadows import RESTING
from registry.domain.tasks import Task, now
from registry.values.digest import Digest
from registry.values.errors import RepositoryNotFound, Unavailable
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.deletions import Deletions
    from registry.domain.lifecycle.uses import Uses
    from registry.domain.repositories import Repositories, Repository

STEP = 50
"""Of those left behind, in one transaction; more with what follows them."""


class Following:
    """Deletes what was left behind."""

    def __init__(
        self,
        database: Database,
        repositories: Repositories,
        deletions: Deletions,
        uses: Uses,
        *,
        grace: timedelta,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._database = database
        self._repositories = repositories
        self._deletions = deletions
        self._uses = uses
        self._grace = grace
        self._clock = clock
        self._task = Task(database, "referrers", clock)

    def run(self, stop: threading.Event) -> int:
        """Delete those whose time has come; how many. Nothing while another process does."""
        if self._due() is None or not self._task.take():
            return 0
        count = 0
        try:
            while not stop.is_set() and (due := self._due()) is not None:
                count += self._follow(*due)
                if not self._task.renew():
                    break
        finally:
            with suppress(Unavailable):
                self._task.release(finished=False)
        return count

    def _due(self) -> tuple[int, list[Left]] | None:
        """Some that were left behind long enough ago, and their one repository."""
        before = orphans.c.since <= self._clock() - self._grace
        first = sa.select(orphans.c.repository_id).where(before).order_by(orphans.c.since).limit(1)
        query = sa.select(orphans).where(before, orphans.c.repository_id == first.scalar_subquery())
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(orphans.c.since).limit(STEP)).all()
        if not rows:
            return None
        return rows[0].repository_id, [Left(row.image_id, row.child, row.since) for row in rows]

    def _follow(self, repository_id: int, left: Sequence[Left]) -> int:
        """How many went."""
        repository, fates, gone = self._repository(repository_id), Fates(), 0
        if repository is None:  # it rests: brought back, it is as if they were left behind now
            fates.waiting.update(each.image_id for each in left)
        else:
            with self._database.read() as connection:
                fates = self._fates(connection, repository_id, left)
            gone = self._delete(repository, fates, left)
        with self._database.write() as connection:
            self._settle(connection, fates, left)
        return gone

    def _delete(self, repository: Repository, fates: Fates, left: Sequence[Left]) -> int:
        named = {image_id: Digest.parse(each.digest) for image_id, each in fates.going.items()}

        def spare(connection: sa.Connection) -> set[Digest]:
            still = among(connection, [each.image_id for each in left])
            due = [each for each in left if each.image_id in still]  # none was pushed again
            now_ = self._fates(connection, repository.id, due)
            return {digest for image_id, digest in named.items() if image_id not in now_.going}

        asked = [Named(digest, None) for digest in named.values()]
        outcomes = self._deletions.delete(repository, asked, spare=spare) if asked else []
        return sum(isinstance(each, Gone) for each in outcomes)

    def _fates(self, connection: sa.Connection, repository_id: int, left: Sequence[Left]) -> Fates:
        references = self._uses.references(connection, repository_id)
        return Leaving(connection, repository_id, references).fates(left)

    def _settle(self, connection: sa.Connection, fates: Fates, left: Sequence[Left]) -> None:
        """Look again at those that wait a grace period from now, and at no others.

        One that was left behind anew meanwhile is later than those that were due.
        """
        mine = orphans.c.image_id.in_([each.image_id for each in left])
        due = orphans.c.since <= max(each.since for each in left)
        wait = sa.update(orphans).where(mine, due, orphans.c.image_id.in_(fates.waiting))
        connection.execute(wait.values(since=self._clock()))
        connection.execute(sa.delete(orphans).where(mine, due))

    def _repository(self, repository_id: int) -> Repository | None:
        query = sa.select(repositories).where(repositories.c.id == repository_id)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is not None and row.account != RESTING:
            with suppress(RepositoryNotFound):
                found = self._repositories.get(Scope(row.account, row.region), row.name)
                return found if found.id == repository_id else None
        return None
