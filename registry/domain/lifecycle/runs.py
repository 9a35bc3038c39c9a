"""Runs of lifecycle policies: each a minute after it changed, and then once a day.

What is due is a row (`lifecycle_policies.due_at`), and one process at a time looks after all
of them. A run that is cut short is still due, and begins anew with the images that are left:
it selects no image that it would not have selected at first.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import repositories
from registry.domain import orphans
from registry.domain.lifecycle import policies
from registry.domain.lifecycle.acting import Acting, Done
from registry.domain.lifecycle.census import census
from registry.domain.lifecycle.evaluation import Selection, evaluate
from registry.domain.lifecycle.kinship import Image
from registry.domain.lifecycle.language import parse
from registry.domain.lifecycle.notices import announce, withdraw
from registry.domain.lifecycle.undisturbed import undisturbed
from registry.domain.lifecycle.uses import used_among
from registry.domain.repositories import by_id
from registry.domain.shadows import RESTING
from registry.domain.tasks import Task, now
from registry.values.errors import RepositoryNotFound, Unavailable
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.deletions import Deletions
    from registry.domain.lifecycle.policies import LifecyclePolicy
    from registry.domain.lifecycle.uses import Uses
    from registry.domain.repositories import Repositories, Repository

EVERY = timedelta(days=1)
"""How often a policy runs at least."""
AGAIN = timedelta(minutes=5)
"""After so long, if something that was selected had to be left."""
PAUSE_MAX = 1.0
"""Seconds between two steps at most: as long as a step took, others have their turn."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One policy that has run to its end."""

    repository: Repository
    done: Done


class _CutShort(Exception):
    """The server stops, or another process has taken over."""


Report = Callable[[Done], None]
"""Is told of each step."""


def no_report(_done: Done) -> None:
    """For who does not want to know of each step."""


class Runs:
    """The runs of one process."""

    def __init__(
        self,
        database: Database,
        repositories: Repositories,
        deletions: Deletions,
        uses: Uses,
        *,
        notice: timedelta = timedelta(0),
        clock: Callable[[], datetime] = now,
    ) -> None:
        """`notice` is how long before it goes an image is announced."""
        self._database = database
        self._repositories = repositories
        self._deletions = deletions
        self._acting = Acting(database, deletions, uses)
        self._uses = uses
        self._notice = notice
        self._clock = clock
        self._task = Task(database, "lifecycle", clock)

    def run(self, stop: threading.Event, report: Report = no_report) -> Iterator[Ran]:
        """Run all that is due, until `stop` is set; nothing while another process does.

        Raises Unavailable; what was not done is due still.
        """
        if self._due() is None or not self._task.take():
            return
        try:
            with suppress(_CutShort):
                while not stop.is_set() and (policy := self._due()) is not None:
                    yield from self._tried(policy, stop, report)
        finally:
            with suppress(Unavailable):
                self._task.release(finished=False)

    def hurry(self, repository: Repository) -> None:
        """Let a repository's policy be due now. Raises LifecyclePolicyNotFound."""
        policy = policies.LifecyclePolicies(self._database).get(repository)
        with self._database.write() as connection:
            policies.ran(connection, policy, due_at=self._clock())

    def select(
        self, repository_id: int, document: str, moment: datetime | None = None
    ) -> tuple[list[Selection], list[Image]]:
        """What a policy would do with a repository now, and all of its images."""
        with undisturbed():
            with self._database.read() as connection:
                images = census(connection, repository_id)
                references = self._uses.references(connection, repository_id)
                protected = self._protected(connection, repository_id, images)
                left = orphans.of(connection, repository_id)
            kept = used_among(images, references) | protected
            return evaluate(parse(document), images, moment or self._clock(), kept, left), images

    def _protected(
        self, connection: sa.Connection, repository_id: int, images: list[Image]
    ) -> frozenset[int]:
        """Ids of what must not be deleted: a rule passes it over, as what is in use."""
        repository = by_id(connection, repository_id)
        if repository is None or repository.scope.account == RESTING:
            return frozenset()
        protects = self._deletions.shield(connection, repository)
        return frozenset(image.id for image in images if image.tags and protects(image.tags))

    def _due(self) -> LifecyclePolicy | None:
        with self._database.read() as connection:
            return policies.due(connection, self._clock())

    def _tried(
        self, policy: LifecyclePolicy, stop: threading.Event, report: Report
    ) -> Iterator[Ran]:
        """Run one; if it fails, the others have their turn before it is tried again."""
        try:
            ran = self._run(policy, stop, report)
        except (_CutShort, Unavailable):
            raise
        except Exception:
            with self._database.write() as connection:
                policies.ran(connection, policy, due_at=self._clock() + AGAIN)
            raise
        if ran is not None:
            yield ran

    def _run(self, policy: LifecyclePolicy, stop: threading.Event, report: Report) -> Ran | None:
        """Run one; None if it has changed or gone meanwhile. Raises _CutShort."""
        moment = self._clock()
        repository = self._repository(policy)
        if repository is None:  # gone, or at rest: brought back it goes on
            with self._database.write() as connection:
                policies.ran(connection, policy, due_at=moment + AGAIN)
            return None
        selections, images = self.select(policy.repository_id, policy.document, moment)
        ripe, announced = self._noticed(repository, selections, moment)
        waiting = [each for each in announced.values() if each > moment]
        done = Done(kept=len(selections) - len(ripe))
        seen = {image.id for image in images}
        begun = time.monotonic()
        for step in self._acting.act(repository, policy, ripe, seen, moment):
            done += step
            report(step)
            stop.wait(min(time.monotonic() - begun, PAUSE_MAX))
            if stop.is_set() or not self._task.renew():
                raise _CutShort
            begun = time.monotonic()
        left = done.kept - (len(selections) - len(ripe))
        due_at = min([moment + (AGAIN if left else EVERY), *waiting])
        with self._database.write() as connection:
            withdraw(connection, [each.image.id for each in ripe if each.image.id in announced])
            values = {"evaluated_at": moment, "due_at": due_at, "last_run": asdict(done)}
            return Ran(repository, done) if policies.ran(connection, policy, **values) else None

    def _noticed(
        self, repository: Repository, selections: list[Selection], moment: datetime
    ) -> tuple[list[Selection], dict[int, datetime]]:
        """What is to go now; and by image id, when what was announced is due."""
        expiring = [each for each in selections if each.expires]
        acts_at = announce(
            self._database,
            repository,
            expiring if self._notice else (),
            moment=moment,
            acts_at=moment + self._notice,
        )
        early = {each.family for each in selections if acts_at.get(each.image.id, moment) > moment}
        ripe = [each for each in selections if each.family not in early]
        return ripe, acts_at

    def _repository(self, policy: LifecyclePolicy) -> Repository | None:
        query = sa.select(repositories).where(repositories.c.id == policy.repository_id)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None or row.account == RESTING:
            return None
        with suppress(RepositoryNotFound):
            found = self._repositories.get(Scope(row.account, row.region), row.name)
            return found if found.id == policy.repository_id else None
        return None
