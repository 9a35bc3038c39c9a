"""A registry with images of any age, and runs of its policies at any time."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from registry.domain.lifecycle.acting import Done
from registry.domain.lifecycle.following import Following
from registry.domain.lifecycle.policies import LifecyclePolicies
from registry.domain.lifecycle.runs import Ran, Runs
from registry.domain.lifecycle.uses import Uses
from registry.domain.repositories import Repository
from tests import images
from tests.application import SCOPE, Registry

NAME = "team/app"


def image(seed: str, **extra: Any) -> images.Image:
    """A small image of its own layer, of 1000 bytes and its seed."""
    content = seed.encode() + b"." * 1000
    return images.oci_image(images.Blob(content, images.OCI_LAYER, seed), **extra)


def hold(registry: Registry, made: images.Image, *tags: str, age: float = 0) -> str:
    """Store it, pushed so many days ago; its digest."""
    registry.hold(NAME, made)
    for tag in tags:
        registry.hold(NAME, made, tag)
    digests = [made.digest, *(child.digest for child in made.children)]
    change(registry, digests, pushed_at=datetime.now(UTC) - timedelta(days=age))
    return made.digest


def change(registry: Registry, digests: Sequence[str], **moments: datetime) -> None:
    """Set times of images."""
    with registry.ground.database.write() as connection:
        for name, moment in moments.items():
            for digest in digests:
                connection.exec_driver_sql(
                    f"UPDATE images SET {name} = ? WHERE digest = ?",  # noqa: S608 - our own names
                    (round(moment.timestamp() * 1_000_000), digest),
                )


def repository(registry: Registry, name: str = NAME) -> Repository:
    return registry.repositories.get(SCOPE, name)


def put(registry: Registry, text: str, name: str = NAME) -> None:
    LifecyclePolicies(registry.ground.database).put(repository(registry, name), text)


def runs(registry: Registry, after: timedelta = timedelta(minutes=2), **options: Any) -> Runs:
    """Runs whose clock is ahead by so much."""

    def clock() -> datetime:
        return datetime.now(UTC) + after

    database = registry.ground.database
    return Runs(
        database,
        registry.repositories,
        registry.stores.deletions,
        Uses(database, clock),
        clock=clock,
        **options,
    )


def run(registry: Registry, after: timedelta = timedelta(minutes=2), **options: Any) -> list[Ran]:
    """All that is due then."""
    return list(runs(registry, after, **options).run(threading.Event()))


def following(registry: Registry, after: timedelta = timedelta(days=1, minutes=2)) -> Following:
    """What follows deletions, a day after each, with a clock that is ahead by so much."""

    def clock() -> datetime:
        return datetime.now(UTC) + after

    database = registry.ground.database
    return Following(
        database,
        registry.repositories,
        registry.stores.deletions,
        Uses(database, clock),
        grace=timedelta(days=1),
        clock=clock,
    )


def follow(registry: Registry, after: timedelta = timedelta(days=1, minutes=2)) -> int:
    """How many go then."""
    return following(registry, after).run(threading.Event())


def done(registry: Registry, after: timedelta = timedelta(minutes=2), **options: Any) -> Done:
    """What the run of the one policy that is due did."""
    (ran,) = run(registry, after, **options)
    return ran.done


def left(registry: Registry, name: str = NAME) -> set[str]:
    """Digests of the images that there are."""
    return {str(each.digest) for each in registry.images.page(repository(registry, name), 0, 1000)}
