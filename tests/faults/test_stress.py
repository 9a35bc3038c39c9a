"""Everything at once: clients that push, pull, mount, tag anew and delete, two collectors with a
grace period of seconds, lifecycle policies and what follows deletions, and a server that is
killed at random. What was acknowledged is there, byte for byte, and after a last collection
nothing else is.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from registry.database.database import Database
from registry.database.schema import tasks
from registry.ground import lay_ground
from registry.stores import garbage_of, lifecycle_stores, repositories_of
from registry.values.errors import Unavailable
from registry.values.scope import Scope
from tests import images
from tests.domain.lifecycle.world import policy, rule, tagged
from tests.faults.client import Answer, Client, Gone, chance, digest_of, pieces
from tests.faults.forked import Forked
from tests.faults.stocktaking import collect_all, follow_all, loose_images, take_stock

SECONDS = float(os.environ.get("STRESS_SECONDS", "30"))
"""How long; more for the figures of docs/reliability.md."""
GRACE_SECONDS = 4.0
CLIENTS = 8
REPOSITORIES = ("team/a", "team/b", "team/c")
LAYERS = 40
KEPT = 6
"""Images of each client: so few that most layers are now and then needed by none."""
TAGS = 4
"""Of each client in each repository."""
DOOMED = "x"
"""How the tags begin of images that a lifecycle policy takes away but for a few."""
WANTED = (
    "pushed", "indexes pushed", "pulled", "deleted", "mounted", "kills", "blobs collected",
)  # fmt: skip
ROUNDS = 60
"""Of one push: a blob that was collected while the server was down is sent again."""


@dataclass(slots=True)
class Held:
    """An image as its only owner knows it."""

    repository: str
    image: images.Image
    """With its children, if it is an index."""
    stands: bool | None
    """None where a kill came between the question and the answer."""


@dataclass(slots=True)
class Score:
    """What happened, for the report."""

    counts: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1

    def missing(self) -> list[str]:
        """Of what a run must have had, what there was too little of."""
        return [what for what in WANTED if self.counts[what] <= 5]


class Clock:
    """Tells when it is over: after `SECONDS`, or once a slow machine has done enough too."""

    def __init__(self, score: Score) -> None:
        self._score = score
        self._begun = time.monotonic()

    def left(self) -> float:
        """Seconds, of which there are more where something is missing still."""
        more = 4 if self._score.missing() else 1
        return self._begun + more * SECONDS - time.monotonic()


class Owner:
    """A client with images of its own, made of layers that all clients share."""

    def __init__(
        self, seed: int, port: int, authorization: str, layers: list[images.Blob], score: Score
    ) -> None:
        self.random = chance(seed)
        self.held: list[Held] = []
        self.loose: set[str] = set()
        """Digests of images of an index that was perhaps never there: nothing takes them away."""
        self._name = f"c{seed}"
        self._port, self._authorization = port, authorization
        self._layers = layers
        self._listed: dict[str, list[images.Image]] = {each: [] for each in REPOSITORIES}
        self._score = score

    def play(self, clock: Clock) -> None:
        """One thing after the other; a kill cuts one of them short."""
        ways: list[Callable[[Client], None]] = [
            *[self.push] * 5, *[self.pull] * 3, *[self.delete] * 2, self.mount, self.abandon,
            *[self.doom] * 2, *[self.push_index] * 2,
        ]  # fmt: skip
        with self.client() as client:
            while clock.left() > 0:
                try:
                    self.random.choice(ways)(client)
                except Gone:
                    self._score("cut short")
                    time.sleep(0.02)

    def client(self) -> Client:
        return Client(self._port, self._authorization, timeout=30)

    def push(self, client: Client) -> None:
        """A new image under a tag that an older one may have."""
        while len(self.held) >= KEPT:
            self.delete(client)
        image, repository = self._made(), self.random.choice(REPOSITORIES)
        held = Held(repository, image, None)
        for _ in range(ROUNDS):
            begun = time.monotonic()
            for blob in image.blobs:
                self._blob(client, repository, blob.content)
            time.sleep(self.random.choice([0, 0, 0.05, 1.5]))  # some clients are slow
            if held not in self.held:
                self.held.append(held)
            answer = self._manifest(client, held)
            if answer.status == 201:
                held.stands = True
                self._score("pushed")
                return
            assert answer.status == 400, answer
            assert b"MANIFEST_BLOB_UNKNOWN" in answer.body, answer
            # Nothing but the collector takes blobs away, and it keeps what was promised.
            assert time.monotonic() - begun > 0.7 * GRACE_SECONDS, "a promise was broken"
            held.stands = False
            self._score("too slow for the grace period")
        pytest.fail("no push was quick enough")

    def push_index(self, client: Client) -> None:
        """An index of a new image, and of one that an index of its own lists, or listed before."""
        while len(self.held) >= KEPT:
            self.delete(client)
        repository = self.random.choice(REPOSITORIES)
        children = [self._made(), *self._listed[repository][:1]]
        index = images.index({f"a{n}": each for n, each in enumerate(children)})
        self.loose |= {each.digest for each in children}
        for child in children:  # the second one is perhaps there, and perhaps on its way out
            for blob in child.blobs:
                self._blob(client, repository, blob.content)
            answer = client.put_manifest(repository, child.digest, child.manifest, child.media_type)
            if answer.status == 400:
                return  # a blob was waited for too long, as in `push`
            assert answer.status == 201, answer
        held = Held(repository, index, None)
        self.held.append(held)
        answer = self._manifest(client, held)
        assert answer.status == 201, answer
        held.stands = True
        self.loose -= {each.digest for each in children}
        self._listed[repository] = children
        self._score("indexes pushed")

    def _made(self) -> images.Image:
        """Of shared layers, and like no other."""
        layers = self.random.sample(self._layers, self.random.randint(1, 3))
        return images.oci_image(*layers, annotations={"seed": self.random.randbytes(6).hex()})

    def _manifest(self, client: Client, held: Held) -> Answer:
        reference = held.image.digest
        if self.random.random() < 0.8:
            reference = f"{self._name}-{self.random.randrange(TAGS)}"
        held.stands = None
        return client.put_manifest(
            held.repository, reference, held.image.manifest, held.image.media_type
        )

    def _blob(self, client: Client, repository: str, content: bytes) -> None:
        """Unless it is there: mounted, or in one of the ways that the protocol has."""
        digest = digest_of(content)
        head = client.ask("HEAD", f"/v2/{repository}/blobs/{digest}")
        assert head.status in {200, 404}, head
        if head.status == 200:
            return
        way = self.random.randrange(4)
        if way == 0:
            path = f"/v2/{repository}/blobs/uploads/"
            other = self.random.choice(REPOSITORIES)
            answer = client.ask("POST", f"{path}?mount={digest}&from={other}")
            if answer.status == 201:
                self._score("mounted")
                return
            answer = client.ask("PUT", f"{answer.headers['location']}?digest={digest}", content)
        elif way == 1:
            answer = client.put_blob(repository, content)
        else:
            answer = self._in_pieces(client, repository, content)
        if answer.status not in {404, 416}:  # an upload may be taken for an abandoned one
            assert answer.status == 201, answer

    def _in_pieces(self, client: Client, repository: str, content: bytes) -> Answer:
        location, half = client.start(repository), len(content) // 2
        for part in (content[:half], content[half:]):
            answer = client.ask("PATCH", location, pieces(part))
            if answer.status != 202:
                return answer
            location = answer.headers["location"]
        return client.ask("PUT", f"{location}?digest={digest_of(content)}")

    def pull(self, client: Client) -> None:
        """One of its own, whole; and any layer, whole or not there."""
        if self.held:
            self.prove(client, self.random.choice(self.held))
        layer, repository = self.random.choice(self._layers), self.random.choice(REPOSITORIES)
        answer = client.blob(repository, layer.digest)
        assert answer.status in {200, 404}, answer
        assert answer.status == 404 or answer.body == layer.content

    def delete(self, client: Client) -> None:
        """One of its own, by digest: all its tags go with it."""
        if not self.held:
            return
        held = self.random.choice(self.held)
        before, held.stands = held.stands, None
        answer = client.ask("DELETE", f"/v2/{held.repository}/manifests/{held.image.digest}")
        assert answer.status == 202 or (answer.status == 404 and before is not True), answer
        held.stands = False
        self.held.remove(held)
        self._score("deleted")
        assert client.manifest(held.repository, held.image.digest).status == 404

    def mount(self, client: Client) -> None:
        """A layer that no image there may ever need."""
        source, target = self.random.sample(REPOSITORIES, 2)
        digest = self.random.choice(self._layers).digest
        path = f"/v2/{target}/blobs/uploads/?mount={digest}&from={source}"
        answer = client.ask("POST", path)
        assert answer.status in {201, 202}, answer
        self._score("mounted" if answer.status == 201 else "begun and abandoned")

    def doom(self, client: Client) -> None:
        """An image of shared layers that a lifecycle policy will take away."""
        image, repository = self._made(), self.random.choice(REPOSITORIES)
        for blob in image.blobs:
            self._blob(client, repository, blob.content)
        tag = f"{DOOMED}-{self._name}-{image.digest[7:19]}"
        answer = client.put_manifest(repository, tag, image.manifest, image.media_type)
        assert answer.status in {201, 400}, answer
        self._score("pushed to expire")

    def abandon(self, client: Client) -> None:
        """An upload that nobody ends, or a blob that nobody needs."""
        repository, content = self.random.choice(REPOSITORIES), self.random.randbytes(5000)
        if self.random.random() < 0.5:
            client.ask("PATCH", client.start(repository), content)
            self._score("begun and abandoned")
        else:
            client.put_blob(repository, content)
            self._score("pushed for nothing")

    def prove(self, client: Client, held: Held) -> None:
        """What was acknowledged is there, manifest and every blob, byte for byte."""
        answer = client.manifest(held.repository, held.image.digest)
        if answer.status == 404 and held.stands is not True:
            return
        assert answer.status == 200, (held.stands, answer)
        for image in (held.image, *held.image.children):
            answer = client.manifest(held.repository, image.digest)
            assert (answer.status, answer.body) == (200, image.manifest), answer
            for blob in image.blobs:
                found = client.blob(held.repository, blob.digest)
                assert found.status == 200, (blob.digest, found)
                assert found.body == blob.content
        self._score("pulled")


class Collector:
    """Collects beside the server, as `moorage gc` does again and again."""

    def __init__(self, server: Forked, score: Score) -> None:
        self._server = server
        self._score = score
        self.stop = threading.Event()

    def run(self) -> None:
        ground = lay_ground(self._server.settings)
        try:
            garbage = garbage_of(self._server.settings, ground)
            while not self.stop.wait(5):
                try:
                    freed = garbage.run(self.stop)
                except Unavailable:  # the database was busy for too long
                    continue
                if freed is not None:
                    self._score("collections beside the server")
                    with self._score.lock:
                        self._score.counts["blobs collected"] += freed.blobs
                        self._score.counts["uploads collected"] += freed.uploads
        finally:
            ground.close()


class Expirer:
    """Runs lifecycle policies beside the server, which does it too."""

    def __init__(self, server: Forked, score: Score) -> None:
        self._server = server
        self._score = score
        self.stop = threading.Event()

    def run(self) -> None:
        settings = self._server.settings
        ground = lay_ground(settings)
        try:
            known = repositories_of(settings, ground)
            lifecycle = lifecycle_stores(settings, ground, known)
            scope = Scope(settings.account, settings.region)
            found = [known.get(scope, name) for name in REPOSITORIES]
            for each in found:
                lifecycle.policies.put(each, policy(rule(countNumber=2, **tagged(DOOMED))))
            while not self.stop.wait(2):
                with suppress(Unavailable):  # the database was busy for too long
                    for each in found:
                        lifecycle.runs.hurry(each)
                    for ran in lifecycle.runs.run(self.stop):
                        with self._score.lock:
                            self._score.counts["expired beside the server"] += ran.done.expired
        finally:
            ground.close()


def kill_now_and_then(server: Forked, clock: Clock, score: Score) -> None:
    random_ = chance(99)
    while (left := clock.left()) > 0:
        time.sleep(min(left, random_.uniform(0.5, 4.0)))
        server.kill()
        score("kills")
        free_tasks(server.data)
        server.start()


def free_tasks(data: Path) -> None:
    """What the killed server did is free for others after a minute; here at once."""
    database = Database(data / "moorage.db")
    with database.write() as connection:
        connection.execute(sa.update(tasks).values(held_until=None))
    database.close()


def crowd(server: Forked, authorization: str, score: Score) -> list[Owner]:
    """All of it for `SECONDS`; raises what any of them raised."""
    made = chance(0)
    contents = [made.randbytes(made.randrange(1_000, 100_000)) for _ in range(LAYERS)]
    layers = [images.Blob(each, images.OCI_LAYER, digest_of(each)) for each in contents]
    owners = [Owner(seed, server.port, authorization, layers, score) for seed in range(CLIENTS)]
    collector, clock = Collector(server, score), Clock(score)
    expirer = Expirer(server, score)
    with ThreadPoolExecutor(CLIENTS + 2) as pool:
        running = [pool.submit(owner.play, clock) for owner in owners]
        beside = [pool.submit(collector.run), pool.submit(expirer.run)]
        try:
            kill_now_and_then(server, clock, score)
        finally:
            collector.stop.set()
            expirer.stop.set()
        for each in (*running, *beside):
            each.result(60)
    return owners


@pytest.mark.slow
def test_everything_at_once(quick_folder: Path) -> None:
    hours = GRACE_SECONDS / 3600
    score = Score()
    with Forked(quick_folder, gc_grace_hours=hours, upload_expiry_hours=hours) as server:
        server.start()
        for name in REPOSITORIES:
            server.create_repository(name)
        authorization = server.authorization()
        owners = crowd(server, authorization, score)
        server.stop()
        take_stock(server.data).check()
        followed = follow_all(server.data)
        claimed = {held.image.digest for owner in owners for held in owner.held}
        assert loose_images(server.data) <= claimed.union(*(owner.loose for owner in owners))
        collect_all(server.data)
        stock = take_stock(server.data)
        stock.check_tidy()
        assert stock.idle == 0
        server.start()
        for owner in owners:
            with owner.client() as client:
                for held in owner.held:
                    owner.prove(client, held)
        server.stop()
        log = server.log.read_text()
        assert "Traceback" not in log
        score.counts["runs of lifecycle policies in the server"] = log.count("lifecycle policy ran")
        score.counts["collections that freed, in the server"] = log.count('"garbage collected"')
        score.counts["times that images followed, in the server"] = log.count(
            "images followed what"
        )
        score.counts["followed at the end"] = followed
    print(f"{SECONDS:g} s: {dict(score.counts)}; {stock.blobs} blobs are left")
    expired = score.counts["expired beside the server"]
    assert expired + score.counts["runs of lifecycle policies in the server"] > 5
    assert followed + score.counts["times that images followed, in the server"] > 0
    assert not score.missing()
