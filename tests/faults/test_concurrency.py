"""Fifty clients at once over HTTP: whatever was acknowledged, in some order, is what stands."""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from tests import images
from tests.conftest import StartServer
from tests.faults.client import Answer, Client, chance, digest_of, pieces
from tests.faults.stocktaking import take_stock
from tests.server_process import ServerProcess

REPOSITORIES = ("team/a", "team/b", "team/c")
PUSHERS, DELETERS, BLOB_DELETERS, PULLERS, MOUNTERS = 28, 6, 4, 8, 4
ENOUGH = {"images pushed": 120, "images deleted": 10, "images pulled": 60, "mounts": 10}
"""What is waited for: however fast the machine is, so much happens at once."""
SECONDS_MAX = 150.0
RETRIES = 50


@dataclass(frozen=True, slots=True)
class Pushed:
    """An image whose push was acknowledged."""

    repository: str
    tag: str
    image: images.Image
    victim: bool
    """Somebody will delete it, image or tag: nobody but that deleter may expect anything."""


@dataclass(slots=True)
class TagPut:
    """An acknowledged push of the tag that all share, between two moments."""

    begun: float
    ended: float
    digest: str


@dataclass(slots=True)
class History:
    """What the clients were told."""

    standing: list[Pushed] = field(default_factory=list)
    victims: queue.SimpleQueue[Pushed] = field(default_factory=queue.SimpleQueue)
    deleted: list[tuple[Pushed, bool]] = field(default_factory=list)
    """With whether the image went, or else the tag alone."""
    shared: dict[str, list[TagPut]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, what: str) -> None:
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def enough(self) -> bool:
        return all(self.counts.get(what, 0) >= number for what, number in ENOUGH.items())


class Crowd:
    """The clients and what they share."""

    def __init__(self, server: ServerProcess) -> None:
        self.history = History()
        self._port, self._authorization = server.port, f"Basic {server.token()}"
        made = chance(0)
        contents = [made.randbytes(made.randrange(2_000, 200_000)) for _ in range(10)]
        self.layers = [images.Blob(c, images.OCI_LAYER, digest_of(c)) for c in contents]
        self._until = time.monotonic() + SECONDS_MAX

    def client(self) -> Client:
        return Client(self._port, self._authorization, timeout=90)

    def run(self) -> None:
        """Everybody at once; raises what any of them raised."""
        roles: list[Callable[[Client, random.Random], None]] = [
            *[self.push] * PUSHERS,
            *[self.delete] * DELETERS,
            *[self.delete_blobs] * BLOB_DELETERS,
            *[self.pull] * PULLERS,
            *[self.mount] * MOUNTERS,
        ]
        with ThreadPoolExecutor(len(roles)) as pool:
            running = [pool.submit(self._play, role, seed) for seed, role in enumerate(roles)]
            for each in running:
                each.result()
        with self.client() as client:
            while not self.history.victims.empty():
                self._delete_one(client, chance(1), self.history.victims.get())

    def _play(self, role: Callable[[Client, random.Random], None], seed: int) -> None:
        random_ = chance(seed)
        with self.client() as client:
            while not self.history.enough() and time.monotonic() < self._until:
                role(client, random_)

    def push(self, client: Client, random_: random.Random) -> None:
        """An image of shared layers with a config of its own."""
        layers = random_.sample(self.layers, random_.randint(1, 4))
        seed = random_.randbytes(6).hex()
        image = images.oci_image(*layers, annotations={"seed": seed})
        repository, tag = random_.choice(REPOSITORIES), f"t-{seed}"
        push_image(client, random_, repository, tag, image)
        self.history.count("images pushed")
        if random_.random() < 0.3:
            begun = time.monotonic()
            answer = put(client, repository, "shared", image)
            assert answer.status == 201, answer
            ended = TagPut(begun, time.monotonic(), image.digest)
            with self.history.lock:
                self.history.shared.setdefault(repository, []).append(ended)
            victim = False
        else:
            victim = random_.random() < 0.4
        pushed = Pushed(repository, tag, image, victim)
        if victim:
            self.history.victims.put(pushed)
        else:
            self.history.standing.append(pushed)

    def delete(self, client: Client, random_: random.Random) -> None:
        """An image or a tag that its pusher gave up."""
        try:
            victim = self.history.victims.get(timeout=0.2)
        except queue.Empty:
            return
        self._delete_one(client, random_, victim)

    def _delete_one(self, client: Client, random_: random.Random, victim: Pushed) -> None:
        whole = random_.random() < 0.6
        reference = victim.image.digest if whole else victim.tag
        answer = client.ask("DELETE", f"/v2/{victim.repository}/manifests/{reference}")
        assert answer.status == 202, answer
        assert client.manifest(victim.repository, reference).status == 404
        self.history.deleted.append((victim, whole))
        self.history.count("images deleted" if whole else "tags deleted")

    def delete_blobs(self, client: Client, random_: random.Random) -> None:
        """A shared layer, wherever no image holds it."""
        time.sleep(random_.uniform(0, 0.05))
        layer, repository = random_.choice(self.layers), random_.choice(REPOSITORIES)
        answer = client.ask("DELETE", f"/v2/{repository}/blobs/{layer.digest}")
        assert answer.status in {202, 404, 405}, answer
        self.history.count(f"blob deletions answered {answer.status}")

    def pull(self, client: Client, random_: random.Random) -> None:
        """An image that must stand, and a layer that may or may not be there."""
        layer, repository = random_.choice(self.layers), random_.choice(REPOSITORIES)
        answer = client.blob(repository, layer.digest)
        assert answer.status in {200, 404}, answer
        assert answer.status == 404 or answer.body == layer.content
        if self.history.standing:
            prove(client, random_.choice(self.history.standing))
            self.history.count("images pulled")

    def mount(self, client: Client, random_: random.Random) -> None:
        """A layer from one repository into another."""
        source, target = random_.sample(REPOSITORIES, 2)
        layer = random_.choice(self.layers)
        path = f"/v2/{target}/blobs/uploads/?mount={layer.digest}&from={source}"
        answer = client.ask("POST", path)
        assert answer.status in {201, 202}, answer
        self.history.count("mounts" if answer.status == 201 else "mounts not possible")
        if answer.status == 202:
            assert client.ask("DELETE", answer.headers["location"]).status == 204


def push_image(
    client: Client, random_: random.Random, repository: str, tag: str, image: images.Image
) -> None:
    """Until it is there: a layer that somebody deletes before the manifest is sent again."""
    for _ in range(RETRIES):
        for blob in image.blobs:
            push_blob(client, random_, repository, blob.content)
        answer = put(client, repository, tag, image)
        if answer.status == 201:
            return
        assert answer.status == 400, answer
        assert b"MANIFEST_BLOB_UNKNOWN" in answer.body, answer
    pytest.fail(f"deleted {RETRIES} times between the push of a layer and its manifest")


def push_blob(client: Client, random_: random.Random, repository: str, content: bytes) -> None:
    """Unless it is there, in one of the ways that the protocol has."""
    digest = digest_of(content)
    head = client.ask("HEAD", f"/v2/{repository}/blobs/{digest}")
    assert head.status in {200, 404}, head
    if head.status == 200:
        return
    way = random_.randrange(3)
    if way == 0:
        path = f"/v2/{repository}/blobs/uploads/?digest={digest}"
        answer = client.ask("POST", path, content)
    elif way == 1:
        answer = client.put_blob(repository, content)
    else:
        sent = client.ask("PATCH", client.start(repository), pieces(content))
        assert sent.status == 202, sent
        answer = client.ask("PUT", f"{sent.headers['location']}?digest={digest}")
    assert answer.status == 201, answer


def put(client: Client, repository: str, reference: str, image: images.Image) -> Answer:
    return client.put_manifest(repository, reference, image.manifest, image.media_type)


def prove(client: Client, pushed: Pushed) -> None:
    """By digest and by tag, manifest and every blob, byte for byte."""
    for reference in (pushed.image.digest, pushed.tag):
        answer = client.manifest(pushed.repository, reference)
        assert answer.status == 200, (reference, answer)
        assert answer.body == pushed.image.manifest
    for blob in pushed.image.blobs:
        answer = client.blob(pushed.repository, blob.digest)
        assert answer.status == 200, (blob.digest, answer)
        assert answer.body == blob.content


def prove_deleted(client: Client, pushed: Pushed, whole: bool) -> None:
    by_tag = client.manifest(pushed.repository, pushed.tag)
    by_digest = client.manifest(pushed.repository, pushed.image.digest)
    assert by_tag.status == 404, by_tag
    assert by_digest.status == (404 if whole else 200), by_digest


def prove_shared(client: Client, repository: str, puts: list[TagPut]) -> None:
    """The tag stands on a push that no other acknowledged push came wholly after."""
    answer = client.manifest(repository, "shared")
    possible = {each.digest for each in puts if not any(other.begun > each.ended for other in puts)}
    assert digest_of(answer.body) in possible


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_what_fifty_clients_do_has_a_serial_order(start_server: StartServer, workers: int) -> None:
    server = start_server("--workers", str(workers))
    for name in REPOSITORIES:
        server.ecr.create_repository(repositoryName=name)
    crowd = Crowd(server)
    crowd.run()
    history = crowd.history
    print(f"{workers} workers: {history.counts}")
    with crowd.client() as client:
        for pushed in history.standing:
            prove(client, pushed)
        for pushed, whole in history.deleted:
            prove_deleted(client, pushed, whole)
        for repository, puts in history.shared.items():
            prove_shared(client, repository, puts)
    server.stop()
    stock = take_stock(server.data)
    stock.check_tidy()
    assert history.enough()
    assert stock.blobs > 50


def test_an_immutable_tag_has_one_winner(start_server: StartServer) -> None:
    server = start_server("--workers", "2")
    name, tags, rivals = "team/fixed", [f"v{number}" for number in range(4)], 50
    server.ecr.create_repository(repositoryName=name, imageTagMutability="IMMUTABLE")
    layer = images.layer({"same": b"for all"})
    made = [images.oci_image(layer, annotations={"rival": str(n)}) for n in range(rivals)]
    authorization = f"Basic {server.token()}"
    with Client(server.port, authorization) as client:
        for blob in made[0].blobs:
            assert client.put_blob(name, blob.content).status == 201
    together = threading.Barrier(rivals)

    def rival(image: images.Image) -> list[Answer]:
        answers = []
        with Client(server.port, authorization) as client:
            client.ask("GET", "/v2/")
            for tag in tags:
                together.wait(60)
                answers.append(put(client, name, tag, image))
        return answers

    with ThreadPoolExecutor(rivals) as pool:
        answered = list(pool.map(rival, made))
    with Client(server.port, authorization) as client:
        for at, tag in enumerate(tags):
            winners = [n for n, answers in enumerate(answered) if answers[at].status == 201]
            assert len(winners) == 1
            assert client.manifest(name, tag).body == made[winners[0]].manifest
            for answers in answered[: winners[0]] + answered[winners[0] + 1 :]:
                assert answers[at].status == 400, answers[at]
                assert b"TAG_INVALID" in answers[at].body
