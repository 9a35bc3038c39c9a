"""How long a repository of a hundred thousand images takes, from its rows to what is to be done."""

from __future__ import annotations

import random
import time

from registry.domain.lifecycle.evaluation import microseconds
from registry.domain.lifecycle.matching import DAY
from tests.application import Registry
from tests.domain.lifecycle.holding import NAME, runs
from tests.domain.lifecycle.world import NOW, RETAIN, aged, digest_of, policy, rule, tagged

IMAGES = 100_000
SECONDS = 2.0
"""Of processor time, on a machine that counts as fast as the one of docs/reliability.md."""
COUNTED, COUNTING = 2_000_000, 0.06
"""What that one counts in so many seconds, with other work beside it."""
TEXT = policy(
    rule(1, countNumber=100, **tagged("prod-1")),
    rule(2, **aged(30, tagStatus="tagged", tagPatternList=["prod-*", "v*1"])),
    rule(3, **aged(7, tagStatus="untagged")),
    rule(4, RETAIN, countNumber=1000),
    rule(5, **aged(200)),
)


def fill(registry: Registry, repository_id: int) -> None:
    """Half are children of indexes, a quarter signatures; manifests of a common size."""
    chance = random.Random(7)  # noqa: S311 - a test's
    moment, manifest = microseconds(NOW), bytes(900)
    images, tags, children = [], [], []
    for number in range(1, IMAGES, 4):
        pushed = moment - round(chance.uniform(0, 400) * DAY)
        for each in range(number, number + 4):
            subject = digest_of(str(number)) if each == number + 3 else None
            row = (repository_id, digest_of(str(each)), "m", subject, 1000, manifest, "k", pushed)
            images.append((each, *row, "ACTIVE"))
        tags += [(repository_id, tag, number, pushed) for tag in _tags(number)]
        children += [(number, digest_of(str(each))) for each in (number + 1, number + 2)]
    columns = "id, repository_id, digest, media_type, subject, size, manifest, key_id, pushed_at"
    with registry.ground.database.write() as connection:
        for table, names, rows in (
            ("images", f"{columns}, status", images),
            ("tags", "repository_id, name, image_id, updated_at", tags),
            ("image_children", "image_id, digest", children),
        ):
            marks = ", ".join("?" * len(rows[0]))
            insert = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - our own names
            connection.exec_driver_sql(insert, rows)


def _tags(number: int) -> tuple[str, str]:
    return f"v{number}", f"prod-{number % 7}-{number}"


def pace() -> float:
    """How many times slower this machine is, as far as it is."""
    begun, total = time.process_time(), 0
    for number in range(COUNTED):
        total += number
    assert total > 0
    return max(1.0, (time.process_time() - begun) / COUNTING)


def test_a_hundred_thousand_images_are_read_and_decided_about(registry: Registry) -> None:
    repository = registry.create(NAME)
    fill(registry, repository.id)
    running, slower = runs(registry), pace()
    begun = time.process_time()
    found, images = running.select(repository.id, TEXT, NOW)
    seconds = time.process_time() - begun
    print(f"{len(found)} of {len(images)} images selected in {seconds:.2f} s, pace {slower:.2f}")
    assert len(images) == IMAGES
    assert len(found) > 20_000
    assert seconds < SECONDS * slower
