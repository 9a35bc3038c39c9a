"""Lets referrers follow a subject that somebody deleted, a grace period later.

Until then the same subject can be pushed again and finds its signatures. A referrer that has got
a tag of its own meanwhile, or is in use, stays.

Source: OCI image-spec 1.1, "subject".
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import images, orphans, repositories
from registry.domain.deletions import Gone, Named
from registry.domain.lifecycle.census import some
from registry.domain.lifecycle.kinship import Image, subjects
from registry.domain.lifecycle.uses import used_among
from registry.domain.orphans import forget
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
"""Referrers in one transaction."""


class Following:
    """Deletes referrers of what was deleted."""

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
        if not self._due() or not self._task.take():
            return 0
        count = 0
        try:
            while not stop.is_set() and (found := self._due()):
                count += self._follow(found[0][0], [image_id for _, image_id in found])
                if not self._task.renew():
                    break
        finally:
            with suppress(Unavailable):
                self._task.release(finished=False)
        return count

    def _due(self) -> list[tuple[int, int]]:
        """Some that have been orphans for long enough: their one repository, and their ids."""
        before = orphans.c.since <= self._clock() - self._grace
        first = sa.select(orphans.c.repository_id).where(before).limit(1).scalar_subquery()
        query = (
            sa.select(orphans.c.image_id, orphans.c.repository_id)
            .where(before, orphans.c.repository_id == first)
            .order_by(orphans.c.image_id)
            .limit(STEP)
        )
        with self._database.read() as connection:
            return [(row.repository_id, row.image_id) for row in connection.execute(query)]

    def _follow(self, repository_id: int, image_ids: Sequence[int]) -> int:
        repository = self._repository(repository_id)
        with self._database.read() as connection:
            alone = self._alone(connection, repository_id, image_ids)
        gone = 0
        if repository is not None and alone:
            outcomes = self._deletions.delete(
                repository,
                [Named(digest, None) for digest in alone],
                spare=lambda connection: (
                    set(alone) - set(self._alone(connection, repository_id, image_ids))
                ),
            )
            gone = sum(isinstance(each, Gone) for each in outcomes)
        with self._database.write() as connection:
            forget(connection, image_ids)
        return gone

    def _alone(
        self, connection: sa.Connection, repository_id: int, image_ids: Sequence[int]
    ) -> list[Digest]:
        """Digests of those that refer to nothing that is there, and to something that is not."""
        found = some(connection, image_ids)
        used = used_among(found.values(), self._uses.references(connection, repository_id))
        return [
            Digest.parse(image.digest)
            for image in found.values()
            if image.id not in used and _refers_to_nothing(connection, repository_id, image)
        ]

    def _repository(self, repository_id: int) -> Repository | None:
        query = sa.select(repositories).where(repositories.c.id == repository_id)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is not None and row.account != RESTING:
            with suppress(RepositoryNotFound):
                found = self._repositories.get(Scope(row.account, row.region), row.name)
                return found if found.id == repository_id else None
        return None


def _refers_to_nothing(connection: sa.Connection, repository_id: int, image: Image) -> bool:
    named = list(subjects(image))
    there = sa.select(images.c.id).where(
        images.c.repository_id == repository_id, images.c.digest.in_(named)
    )
    return bool(named) and connection.execute(there.limit(1)).first() is None
