"""Does what a policy selected, in small transactions, each of which looks again first.

What goes together, an index with its images, an image with its signatures, goes in one
transaction or not at all. Between the look at the whole repository and the end of an image it
may have been tagged anew, pulled, archived, reported as in use, listed by a new index or signed
anew, or the policy may have changed: then it stays, and the next run decides again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import lifecycle_policies, repositories
from registry.domain.deletions import Gone, Named
from registry.domain.lifecycle.census import some
from registry.domain.lifecycle.uses import used_among
from registry.domain.orphans import held
from registry.domain.shadows import RESTING
from registry.domain.storage_class import ARCHIVED, set_status
from registry.values.digest import Digest

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.deletions import Deletions
    from registry.domain.lifecycle.evaluation import Selection
    from registry.domain.lifecycle.policies import LifecyclePolicy
    from registry.domain.lifecycle.uses import Uses
    from registry.domain.repositories import Repository

STEP = 50
"""Images in one transaction; more where they belong together."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a run did, or one step of it."""

    expired: int = 0
    archived: int = 0
    kept: int = 0
    """Selected, and left for the next run: changed meanwhile, protected, or announced first."""

    def __add__(self, other: Done) -> Done:
        return Done(
            self.expired + other.expired, self.archived + other.archived, self.kept + other.kept
        )

    @property
    def count(self) -> int:
        """Images that were looked at."""
        return self.expired + self.archived + self.kept


@dataclass(frozen=True, slots=True)
class _Look:
    """What is to be looked at again."""

    policy: LifecyclePolicy
    batch: Sequence[Selection]
    seen: Container[int]


class Acting:
    """Deletes and archives by selections."""

    def __init__(self, database: Database, deletions: Deletions, uses: Uses) -> None:
        self._database = database
        self._deletions = deletions
        self._uses = uses

    def act(
        self,
        repository: Repository,
        policy: LifecyclePolicy,
        selections: Sequence[Selection],
        seen: Container[int],
        moment: datetime,
    ) -> Iterator[Done]:
        """Do it, a transaction at each step; `seen` are ids of all that was there to decide on."""
        for batch in batches(selections):
            expiring = [each for each in batch if each.expires]
            moving = [each for each in batch if not each.expires]
            done = Done()
            if expiring:
                look = _Look(policy, expiring, seen)
                done += self._expire(repository, look)
            if moving:
                done += self._archive(repository, _Look(policy, moving, seen), moment)
            yield done

    def _expire(self, repository: Repository, look: _Look) -> Done:
        named = [Named(Digest.parse(each.image.digest), None) for each in look.batch]
        outcomes = self._deletions.delete(
            repository,
            named,
            spare=lambda connection: self._not_to_go(connection, repository, look),
        )
        gone = sum(isinstance(outcome, Gone) for outcome in outcomes)
        return Done(expired=gone, kept=len(named) - gone)

    def _not_to_go(
        self, connection: sa.Connection, repository: Repository, look: _Look
    ) -> set[Digest]:
        """With what is protected from deletion, and its whole family."""
        spared = self._spared(connection, look)
        there = [each.image.id for each in look.batch if each.image.digest not in spared]
        if there:
            protected = self._deletions.protected(connection, repository, there)
            kept = {each.family for each in look.batch if each.image.id in protected}
            spared |= {each.image.digest for each in look.batch if each.family in kept}
        return set(map(Digest.parse, spared))

    def _archive(self, repository: Repository, look: _Look, moment: datetime) -> Done:
        with self._database.write() as connection:
            spared = self._spared(connection, look)
            moving = [each.image.id for each in look.batch if each.image.digest not in spared]
            moved = set_status(connection, repository, moving, ARCHIVED, moment)
        return Done(archived=len(moved), kept=len(look.batch) - len(moved))

    def _spared(self, connection: sa.Connection, look: _Look) -> set[str]:
        """Digests of what is not what the policy selected any more, with its whole family."""
        if not _in_force(connection, look.policy):
            return {each.image.digest for each in look.batch}
        now = some(connection, [each.image.id for each in look.batch])
        references = self._uses.references(connection, look.policy.repository_id)
        used = used_among(now.values(), references)
        newly_held = _newly_held(connection, look)
        changed = {
            each.family
            for each in look.batch
            if now.get(each.image.id) != each.image
            or each.image.id in used
            or each.image.digest in newly_held
        }
        return {each.image.digest for each in look.batch if each.family in changed}


def batches(selections: Sequence[Selection]) -> Iterator[list[Selection]]:
    """Whole families, as many as make a step."""
    families: dict[int, list[Selection]] = defaultdict(list)
    for each in selections:
        families[each.family].append(each)
    batch: list[Selection] = []
    for family in families.values():
        if batch and len(batch) + len(family) > STEP:
            yield batch
            batch = []
        batch = [*batch, *family]
    if batch:
        yield batch


def _in_force(connection: sa.Connection, policy: LifecyclePolicy) -> bool:
    """Whether it is still the policy, of a repository that was not laid to rest meanwhile."""
    changed_at = (
        sa.select(lifecycle_policies.c.changed_at)
        .join(repositories, repositories.c.id == lifecycle_policies.c.repository_id)
        .where(repositories.c.id == policy.repository_id, repositories.c.account != RESTING)
    )
    return connection.execute(changed_at).scalar() == policy.changed_at


def _newly_held(connection: sa.Connection, look: _Look) -> set[str]:
    """Digests of those that an image lists or refers to which was pushed meanwhile."""
    found: set[str] = set()
    digests = [each.image.digest for each in look.batch]
    for at in range(0, len(digests), STEP):
        for digest, holder in held(connection, look.policy.repository_id, digests[at : at + STEP]):
            if holder not in look.seen:
                found.add(digest)
    return found
