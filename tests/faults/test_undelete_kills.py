"""SIGKILL in the middle of deletions to rest, of undeletes, of collections: all or nothing.

After each kill everything that was pushed is in exactly one place: in the repository, or at rest
with its tags and layers. In the end all of it is brought back, and is what was pushed.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Self

import pytest
import sqlalchemy as sa

from registry.config import Settings
from registry.database.schema import images as image_rows
from registry.database.schema import repositories, resting, tags
from registry.domain.shadows import RESTING
from registry.domain.usage import recount
from registry.ground import Ground, lay_ground
from registry.setup import prepare
from registry.stores import ecr_stores, undelete_of
from registry.values.digest import Digest
from tests import images
from tests.faults.client import chance
from tests.faults.stocktaking import take_stock

NAME = "team/kept"
KILLS = 40
"""At most."""
SECONDS = 10.0
"""After so long no other process is begun."""
INDEX = images.multi_arch()
ONE = images.oci_image(images.layer({"a": b"1" * 5000}))
TWO = images.oci_image(images.layer({"a": b"1" * 5000}), images.layer({"b": b"2"}))
SIGNED = images.artifact("application/vnd.example.signature", b"signed", subject=ONE)
TAGGED = {"all": INDEX, "one": ONE, "uno": ONE, "two": TWO, None: SIGNED}
EVERY = (INDEX, *INDEX.children, ONE, TWO, SIGNED)


class Deleters:
    """One deleter at a time, forked by `deleter.py`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.dump()

    def __enter__(self) -> Self:
        program = str(Path(__file__).with_name("deleter.py"))
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self._zygote = subprocess.Popen(
            [sys.executable, "-P", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            text=True,
        )
        return self

    def __exit__(self, *exception: object) -> None:
        self._zygote.kill()
        self._zygote.communicate(timeout=30)

    def kill_one(self, seed: int, seconds: float) -> None:
        """Start one, kill it after so long."""
        assert self._zygote.stdin is not None
        told = {"settings": self._settings, "repository": NAME, "seed": seed}
        self._zygote.stdin.write(json.dumps(told) + "\n")
        self._zygote.stdin.flush()
        pid = int(self._heard().removeprefix("pid "))
        assert self._heard() == "deleting"
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
        assert self._heard() == f"ended -{int(signal.SIGKILL)}"

    def _heard(self) -> str:
        assert self._zygote.stdout is not None
        return self._zygote.stdout.readline().strip()


def push_all(settings: Settings, ground: Ground) -> None:
    stores = ecr_stores(settings, ground)
    target = stores.repositories.create(settings.scope, NAME)
    for blob in {blob.digest: blob for image in EVERY for blob in image.blobs}.values():
        upload = stores.uploads.start(target, "arn:test")
        stores.uploads.append(target, "arn:test", upload.id, [blob.content])
        stores.uploads.finish(target, "arn:test", upload.id, Digest.parse(blob.digest))
    for image in INDEX.children:
        stores.images.put(target, image.manifest, image.media_type)
    for tag, image in TAGGED.items():
        stores.images.put(target, image.manifest, image.media_type, tag_names=[tag] if tag else [])


def check(connection: sa.Connection) -> int:
    """Everything is in one place; how many things rest."""
    held = connection.execute(sa.select(image_rows.c.digest)).scalars()
    assert Counter(held) == dict.fromkeys([image.digest for image in EVERY], 1)
    rests = connection.execute(sa.select(resting)).all()
    named = list(connection.execute(sa.select(tags.c.name)).scalars())
    at_rest = [name for row in rests for name in row.tags]
    assert Counter(named + at_rest) == dict.fromkeys(filter(None, TAGGED), 1)
    shadows = sa.select(repositories.c.id).where(repositories.c.account == RESTING)
    assert {row.shadow_id for row in rests} - {None} == set(connection.execute(shadows).scalars())
    for row in rests:
        mine = sa.select(image_rows.c.digest).where(image_rows.c.repository_id == row.shadow_id)
        if row.kind == "image":
            assert connection.execute(mine).scalars().all() == [row.digest]
    counted = sa.select(repositories.c.id, repositories.c.bytes)
    assert {row.id: row.bytes for row in connection.execute(counted)} == recount(connection)
    return len(rests)


def bring_all_back(settings: Settings, ground: Ground) -> None:
    undelete = undelete_of(ground)
    while rests := undelete.page(settings.scope, NAME, None, 99):
        whole = [item for item in rests if item.kind == "repository"]
        undelete.restore(settings.scope, (whole or rests)[0].id)


def check_back(settings: Settings, ground: Ground) -> None:
    """All that was pushed, as it was pushed."""
    stores = ecr_stores(settings, ground)
    target = stores.repositories.get(settings.scope, NAME)
    for tag, image in TAGGED.items():
        found = stores.images.get(target, tag or Digest.parse(image.digest))
        assert found.content == image.manifest
    for image in EVERY:
        assert stores.images.get(target, Digest.parse(image.digest)).content == image.manifest
        for blob in image.blobs:
            stored = stores.blobs.get(target, Digest.parse(blob.digest))
            assert b"".join(map(bytes, stores.blobs.open(target, stored))) == blob.content


@pytest.mark.slow
def test_a_kill_leaves_nothing_half_deleted_or_half_back(quick_folder: Path) -> None:
    settings = Settings(data=quick_folder / "data")
    settings.data.mkdir()
    prepare(settings)
    first = lay_ground(settings)
    push_all(settings, first)
    first.close()
    dice, ground = chance(9), lay_ground(settings)
    states: set[int] = set()
    kills = 0
    with Deleters(settings) as deleters:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end and kills < KILLS:
            kills += 1
            deleters.kill_one(kills, math.exp(dice.uniform(math.log(0.02), math.log(0.4))))
            with ground.database.read() as connection:
                states.add(check(connection))
    with ground.database.read() as connection:
        deeds: Any = connection.exec_driver_sql(
            "SELECT seq FROM sqlite_sequence WHERE name = 'resting'"
        ).scalar()
    bring_all_back(settings, ground)
    with ground.database.read() as connection:
        assert check(connection) == 0
    check_back(settings, ground)
    ground.close()
    take_stock(settings.data).check()
    assert deeds > kills // 4, "the kills fell beside the deletions"
    assert len(states) > 2, states
    print(f"{kills} kills, {deeds} things laid to rest")
