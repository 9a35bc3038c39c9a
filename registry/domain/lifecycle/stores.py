"""All that lifecycle policies are made of, put together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from registry.domain.lifecycle.following import Following
from registry.domain.lifecycle.policies import LifecyclePolicies
from registry.domain.lifecycle.previews import Previews
from registry.domain.lifecycle.runs import Runs
from registry.domain.lifecycle.uses import Uses

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.deletions import Deletions
    from registry.domain.repositories import Repositories


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The parts."""

    policies: LifecyclePolicies
    runs: Runs
    previews: Previews
    uses: Uses
    following: Following


def lifecycle_of(
    database: Database,
    repositories: Repositories,
    deletions: Deletions,
    *,
    grace: timedelta,
    notice: timedelta = timedelta(0),
) -> Lifecycle:
    """The parts over the domain; `notice` is how long before it goes an image is announced.

    Referrers follow a deleted subject after `grace`.
    """
    uses = Uses(database)
    runs = Runs(database, repositories, deletions, uses, notice=notice)
    previews = Previews(database, runs)
    following = Following(database, repositories, deletions, uses, grace=grace)
    return Lifecycle(LifecyclePolicies(database), runs, previews, uses, following)
