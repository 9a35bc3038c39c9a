"""SIGKILL at hundreds of moments of a push: what was answered stands, the rest is whole or absent.

Each round starts a server on the data that the round before left, proves what that one said,
pushes every third image again in full, then pushes a new one and is killed at a random moment.
"""

from __future__ import annotations

import math
import os
import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import images
from tests.faults.client import Answer, Client, Gone, chance, digest_of, pieces
from tests.faults.forked import Forked
from tests.faults.stocktaking import collect_all, take_stock

REPOSITORY = "team/killed"
KILLS = int(os.environ.get("KILLS", "200"))
"""How many; more for the figures of docs/reliability.md."""
REPEATED = 3
AIMED = 8
"""Every so many kills one is aimed at the phase that the fewest have hit."""
UNHARMED = 5
"""Rounds that are not killed, to learn how long a push takes."""

# The phases of a push, as counted in the report.
PHASES = POST_WHOLE, POST, PATCH, PATCH_STREAM, PUT, PUT_MANIFEST, IDLE = (
    "POST with digest", "POST", "PATCH", "streamed PATCH", "PUT", "PUT manifest", "idle",
)  # fmt: skip


def make_image(random_: random.Random) -> images.Image:
    """Four layers and a config that no other round has."""
    contents = [random_.randbytes(size) for size in (60_000, 90_000, 70_000, 120_000)]
    return images.oci_image(
        *(images.Blob(content, images.OCI_LAYER, digest_of(content)) for content in contents)
    )


class Push:
    """One image on its way, and what the server has said of it so far."""

    def __init__(self, image: images.Image, tag: str) -> None:
        self.image = image
        self.tag = tag
        self.phase = IDLE
        self.answered: set[str] = set()
        """Digests, tags, that a 201 spoke of."""
        self.wrong: list[str] = []
        self.seconds = 0.0

    def run(self, client: Client) -> None:
        """All of it, until the connection is gone."""
        begun = time.perf_counter()
        try:
            self._blobs(client)
            for reference in (self.image.digest, self.tag, "latest"):
                self._manifest(client, reference)
        except Gone:
            return
        self.phase = IDLE
        self.seconds = time.perf_counter() - begun

    def _blobs(self, client: Client) -> None:
        config, whole, plain, chunked, streamed = (blob.content for blob in self.image.blobs)
        self._put(client, self._start(client), config)
        self.phase = POST_WHOLE
        path = f"/v2/{REPOSITORY}/blobs/uploads/?digest={digest_of(whole)}"
        self._note(client.ask("POST", path, whole), 201, digest_of(whole))
        self._put(client, self._start(client), plain)
        self._chunked(client, chunked)
        location = self._start(client)
        self.phase = PATCH_STREAM
        answer = client.ask("PATCH", location, pieces(streamed, 4096))
        self._note(answer, 202)
        self._put(client, answer.headers["location"], b"", digest_of(streamed))

    def _start(self, client: Client) -> str:
        self.phase = POST
        return client.start(REPOSITORY)

    def _chunked(self, client: Client, content: bytes) -> None:
        location, size = self._start(client), len(content) // 3
        self.phase = PATCH
        for at in (0, size):
            headers = {"Content-Range": f"{at}-{at + size - 1}"}
            answer = client.ask("PATCH", location, content[at : at + size], headers)
            self._note(answer, 202)
            location = answer.headers["location"]
        self._put(client, location, content[2 * size :], digest_of(content))

    def _put(self, client: Client, location: str, content: bytes, digest: str = "") -> None:
        self.phase = PUT
        digest = digest or digest_of(content)
        self._note(client.ask("PUT", f"{location}?digest={digest}", content), 201, digest)

    def _manifest(self, client: Client, reference: str) -> None:
        self.phase = PUT_MANIFEST
        image = self.image
        answer = client.put_manifest(REPOSITORY, reference, image.manifest, image.media_type)
        self._note(answer, 201, reference)

    def _note(self, answer: Answer, expected: int, said: str = "") -> None:
        if answer.status != expected:
            self.wrong.append(f"{self.phase}: {answer}")
        elif said:
            self.answered.add(said)

    def prove(self, client: Client) -> None:
        """After a restart: each piece whole, or absent and never promised."""
        assert not self.wrong
        held = {blob.digest for blob in self.image.blobs if self._blob(client, blob)}
        for reference in (self.image.digest, self.tag):
            answer = client.manifest(REPOSITORY, reference)
            if self._stands(answer, reference, self.image.manifest):
                assert held == {blob.digest for blob in self.image.blobs}
        if "latest" in self.answered:
            assert client.manifest(REPOSITORY, "latest").body == self.image.manifest

    def _blob(self, client: Client, blob: images.Blob) -> bool:
        return self._stands(client.blob(REPOSITORY, blob.digest), blob.digest, blob.content)

    def _stands(self, answer: Answer, name: str, content: bytes) -> bool:
        if answer.status == 200:
            assert answer.body == content, f"{name} came back damaged"
            return True
        assert answer.status == 404, answer
        assert name not in self.answered, f"{name} was answered 201 and is lost"
        return False

    @property
    def complete(self) -> bool:
        """Whether every part was answered."""
        names = {blob.digest for blob in self.image.blobs}
        return self.answered == names | {self.image.digest, self.tag, "latest"}


def delays(random_: random.Random, seconds: float) -> Iterator[float]:
    """Moments of a push that takes so long: over all of it, and many close to its beginning."""
    longest = 1.1 * seconds
    while True:
        yield random_.uniform(0, longest)
        yield math.exp(random_.uniform(math.log(2e-4), math.log(longest)))


class Rounds:
    """The rounds on one data directory."""

    def __init__(self, server: Forked, seed: int) -> None:
        self._server = server
        self._random = chance(seed)
        self._authorization = ""
        self.pushes: list[Push] = []
        self.phases: Counter[str] = Counter()
        self.incomplete = 0
        self.waste = 0
        self.half_finished = 0

    def begin(self) -> None:
        """The first start, and how long a push takes."""
        self._server.start()
        self._authorization = self._server.authorization()
        self._server.create_repository(REPOSITORY)
        with self._client() as client:
            for _ in range(UNHARMED):
                self._next().run(client)
        assert all(push.complete for push in self.pushes)
        self._delays = delays(self._random, statistics.median(p.seconds for p in self.pushes))

    def kill_one(self) -> None:
        """Push, kill at a random moment, start again, prove, push again."""
        push = self._next()
        with self._client() as client:
            pushing = threading.Thread(target=push.run, args=(client,))
            pushing.start()
            self._await_moment(push, pushing)
            phase = push.phase
            self._server.kill()
            pushing.join(30)
        assert not pushing.is_alive()
        self.phases[phase] += 1
        self.incomplete += not push.complete
        self._server.start()
        assert not list((self._server.data / "storage" / ".tmp").iterdir())
        with self._client() as client:
            push.prove(client)
            if len(self.pushes) % REPEATED == 0:
                push.run(client)
                assert push.complete, push.wrong
                push.prove(client)

    def _await_moment(self, push: Push, pushing: threading.Thread) -> None:
        if len(self.pushes) % AIMED:
            time.sleep(next(self._delays))
            return
        rarest = min(PHASES, key=lambda phase: self.phases[phase])
        while push.phase != rarest and pushing.is_alive():
            time.sleep(1e-4)

    def end(self) -> None:
        """Everything of all rounds is there, on the wire and on the disk."""
        with self._client() as client:
            for push in self.pushes[:-1]:
                push.answered.discard("latest")
                push.prove(client)
        self._server.stop()
        stock = take_stock(self._server.data)
        stock.check()
        assert not stock.drafts
        assert not stock.orphans, "each object among the blobs has a row that names it"
        self.waste, self.half_finished = len(stock.waste), len(stock.half_finished)
        collect_all(self._server.data)
        take_stock(self._server.data).check_tidy()
        assert "Traceback" not in self._server.log.read_text()

    def _next(self) -> Push:
        self.pushes.append(Push(make_image(self._random), f"round-{len(self.pushes)}"))
        return self.pushes[-1]

    def _client(self) -> Client:
        return Client(self._server.port, self._authorization, timeout=20)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("workers", "kills"), [(1, KILLS), (2, 8)])
def test_a_kill_loses_nothing_that_was_answered(
    quick_folder: Path, workers: int, kills: int
) -> None:
    with Forked(quick_folder, workers) as server:
        rounds = Rounds(server, seed=workers)
        rounds.begin()
        for _ in range(kills):
            rounds.kill_one()
        rounds.end()
    print(
        f"{kills} kills with {workers} workers: {dict(rounds.phases)};"
        f" {rounds.incomplete} pushes were cut short;"
        f" {rounds.waste} objects to be collected, {rounds.half_finished} finishes cut short"
    )
    assert rounds.waste <= kills, "a crash leaves one object behind at most"
    assert rounds.incomplete > kills // 3, "the kills fell behind the pushes"
    if workers == 1:
        assert set(rounds.phases) == set(PHASES)
