"""SIGKILL at many moments of a move to another key, while clients pull: nothing is lost.

First the process that moves is killed, again and again, beside a server; then servers that go
on with the move themselves. Whatever is pulled meanwhile is whole.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Self

import pytest
import sqlalchemy as sa

from registry.config import Settings
from registry.database.schema import rekeys, tasks
from registry.domain.rekeying import Move
from registry.domain.repositories import Encryption
from registry.ground import Ground, lay_ground
from registry.stores import rekeying_of, repositories_of
from tests import images
from tests.commands.running import moorage
from tests.faults.client import Client, Gone, chance
from tests.faults.forked import Forked
from tests.faults.stocktaking import collect_all, take_stock

REPOSITORY = "team/moved"
IMAGES = 12
KILLS = 40
SERVER_KILLS = 3


@contextmanager
def ground_of(settings: Settings) -> Iterator[Ground]:
    ground = lay_ground(settings)
    try:
        yield ground
    finally:
        ground.close()


def start_move(settings: Settings, key: str) -> None:
    with ground_of(settings) as ground:
        repository = repositories_of(settings, ground).get(settings.scope, REPOSITORY)
        rekeying_of(settings, ground).start(repository, Encryption("KMS", key))


def move_of(settings: Settings) -> Move:
    with ground_of(settings) as ground:
        return rekeying_of(settings, ground).moves()[-1]


def let_go(settings: Settings) -> None:
    """As if the lease of whoever was killed were over."""
    with ground_of(settings) as ground, ground.database.write() as connection:
        connection.execute(sa.delete(tasks).where(tasks.c.name == "rekeying"))
        connection.execute(sa.update(rekeys).values(tried_at=None))


class Movers:
    """One mover at a time, forked by `mover.py`."""

    def __init__(self, settings: Settings) -> None:
        self._told = json.dumps({"settings": settings.dump()}) + "\n"

    def __enter__(self) -> Self:
        program = str(Path(__file__).with_name("mover.py"))
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

    def kill_one(self, seconds: float) -> None:
        """Start one, kill it after so long."""
        assert self._zygote.stdin is not None
        self._zygote.stdin.write(self._told)
        self._zygote.stdin.flush()
        pid = int(self._heard().removeprefix("pid "))
        assert self._heard() == "moving"
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
        assert self._heard() == "ended"

    def _heard(self) -> str:
        assert self._zygote.stdout is not None
        return self._zygote.stdout.readline().strip()


class Puller:
    """Pulls everything, over and over, and notes what is not as it was pushed."""

    def __init__(self, server: Forked, authorization: str, pushed: list[images.Image]) -> None:
        self._server = server
        self._authorization = authorization
        self._pushed = pushed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.wrong: list[str] = []
        self.pulls = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.is_set():
            for image in self._pushed:
                try:
                    with Client(self._server.port, self._authorization, timeout=20) as client:
                        self.wrong += pull(client, image)
                        self.pulls += 1
                except Gone:
                    time.sleep(0.05)


def pull(client: Client, image: images.Image) -> list[str]:
    """What of the image is not as it was pushed."""
    answers = [(client.manifest(REPOSITORY, image.digest), image.manifest)]
    answers += [(client.blob(REPOSITORY, blob.digest), blob.content) for blob in image.blobs]
    return [repr(got) for got, wanted in answers if (got.status, got.body) != (200, wanted)]


def push(client: Client, image: images.Image, tag: str) -> None:
    for blob in image.blobs:
        assert client.put_blob(REPOSITORY, blob.content).status == 201
    answer = client.put_manifest(REPOSITORY, tag, image.manifest, image.media_type)
    assert answer.status == 201, answer


class Turns:
    """Moves from each of two keys to the other."""

    def __init__(self, server: Forked) -> None:
        self.settings = server.settings
        with ground_of(self.settings) as ground:
            self.keys = [ground.keys.create(name).key_id for name in ("one", "two")]
        self.moves = 0
        self.cut_short = 0

    def start(self) -> None:
        """The next move."""
        start_move(self.settings, self.keys[self.moves % 2])
        self.moves += 1

    @property
    def left(self) -> str:
        """The key that the last move leaves."""
        return self.keys[self.moves % 2]

    def kill_movers(self, random: Random) -> None:
        """Each at a random moment; what is done is begun again the other way round."""
        with Movers(self.settings) as movers:
            self.start()
            for _ in range(KILLS):
                movers.kill_one(math.exp(random.uniform(math.log(0.005), math.log(0.3))))
                move = move_of(self.settings)
                if move.finished_at is not None:
                    self.start()
                elif move.blobs:
                    self.cut_short += 1

    def kill_servers(self, server: Forked) -> None:
        """Each while it goes on with a move; the last one comes to its end."""
        for _ in range(SERVER_KILLS):
            if move_of(self.settings).finished_at is not None:
                self.start()
            await_progress(self.settings, move_of(self.settings).blobs)
            server.kill()
            server.start()
        await_progress(self.settings, None)


def await_progress(settings: Settings, blobs: int | None) -> None:
    """Until more blobs are moved than that, or all."""
    let_go(settings)
    deadline = time.monotonic() + 60
    while (move := move_of(settings)).finished_at is None:
        if blobs is not None and move.blobs > blobs:
            return
        assert time.monotonic() < deadline, move
        time.sleep(0.02)


@pytest.mark.slow
def test_a_kill_in_the_middle_of_a_move_loses_nothing(quick_folder: Path) -> None:
    pushed = some_images(chance(4))
    with Forked(quick_folder) as server:
        server.start()
        authorization = server.authorization()
        server.create_repository(REPOSITORY)
        with Client(server.port, authorization) as client:
            for number, image in enumerate(pushed):
                push(client, image, f"v{number}")
        turns = Turns(server)
        with Puller(server, authorization, pushed) as puller:
            turns.kill_movers(chance(5))
            turns.kill_servers(server)
        assert puller.wrong == []
        assert puller.pulls > IMAGES
        assert turns.cut_short > KILLS // 4, "the kills fell beside the moves"
        with ground_of(server.settings) as ground:
            ground.keys.disable(turns.left)
        with Client(server.port, authorization) as client:
            assert [wrong for image in pushed for wrong in pull(client, image)] == []
        server.stop()
        assert "Traceback" not in server.log.read_text()
        check_stock(server, turns.left)
    print(
        f"{turns.moves} moves, {turns.cut_short} cut short; {puller.pulls} images pulled meanwhile"
    )


def some_images(random: Random) -> list[images.Image]:
    shared = images.Blob(random.randbytes(400_000), images.OCI_LAYER, "shared")
    own = [random.randbytes(150_000) for _ in range(IMAGES)]
    layers = [images.Blob(content, images.OCI_LAYER, "x") for content in own]
    return [
        images.oci_image(layer, shared, annotations={"n": str(n)}) for n, layer in enumerate(layers)
    ]


def check_stock(server: Forked, left: str) -> None:
    """Rows and bytes agree, nothing lies under the key that was left, verify is content."""
    take_stock(server.data).check()
    collect_all(server.data)
    take_stock(server.data).check_tidy()
    found = (server.data / "storage").rglob("*")
    assert not [path for path in found if path.is_file() and left in path.parts]
    assert "all is well" in moorage(server.data, "verify")
