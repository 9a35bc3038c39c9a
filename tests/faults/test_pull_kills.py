"""SIGKILL under pulls: each that was answered is told of once, has its time and is audited.

Threads pull by many tags until the server is killed. The event log must then tell of each pull
that was answered, and of nothing else but those that were under way; the audit log must have
each request that was answered.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from registry.database.schema import event_deliveries
from registry.domain.events.targets import Wish
from registry.ground import lay_ground
from registry.stores import event_targets_of
from tests import images
from tests.faults.client import Client, Gone, chance
from tests.faults.forked import Forked, processes
from tests.faults.test_events_kill import await_delivery, logged

REPOSITORY = "team/pulled"
BASE = images.oci_image(images.layer({"a": b"pulled"}))
TAGS = [f"t{number}" for number in range(90)]
THREADS = 3


class Pullers:
    """Clients that pull until the server is gone, or they are told to stop."""

    def __init__(self, server: Forked) -> None:
        self._authorization = server.authorization()
        self._port = server.port
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.answered: Counter[str] = Counter()
        """By tag."""
        self.requests: set[str] = set()
        """The ids of those."""
        self.under_way: Counter[str] = Counter()
        """Those of which the answer did not come, or not all of it."""

    def push(self) -> None:
        with self._client() as client:
            for blob in BASE.blobs:
                assert client.put_blob(REPOSITORY, blob.content).status == 201
            query = "&".join(f"tag={tag}" for tag in TAGS)
            reference = f"{BASE.digest}?{query}"
            answer = client.put_manifest(REPOSITORY, reference, BASE.manifest, BASE.media_type)
            assert answer.status == 201, answer

    def start(self) -> list[threading.Thread]:
        self._stop.clear()
        found = [threading.Thread(target=self._run, args=(seed,)) for seed in range(THREADS)]
        for thread in found:
            thread.start()
        return found

    def await_one(self) -> None:
        """Until one more pull is answered."""
        before, deadline = self.answered.total(), time.monotonic() + 30
        while self.answered.total() == before:
            assert time.monotonic() < deadline, "nothing is answered"
            time.sleep(0.005)

    def end(self, threads: list[threading.Thread], *, stop: bool = False) -> None:
        """Wait until they have noticed that the server is gone; or stop them."""
        if stop:
            self._stop.set()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()

    def _client(self) -> Client:
        return Client(self._port, self._authorization, timeout=20)

    def _run(self, seed: int) -> None:
        dice = chance(seed)
        with self._client() as client:
            while not self._stop.is_set():
                tag = dice.choice(TAGS)
                try:
                    answer = client.manifest(REPOSITORY, tag)
                except Gone:
                    with self._lock:
                        self.under_way[tag] += 1
                    if not self._again():
                        return
                    continue
                assert answer.body == BASE.manifest, answer
                with self._lock:
                    self.answered[tag] += 1
                    self.requests.add(answer.headers["x-request-id"])

    def _again(self) -> bool:
        """Whether a server still listens: another worker."""
        try:
            with self._client() as client:
                return client.ask("GET", "/v2/").status == 200
        except Gone:
            return False


def told(server: Forked) -> Counter[str]:
    """By tag, the pulls of which the log tells."""
    return counted(logged(server.data))


def waiting(server: Forked) -> Counter[str]:
    """By tag, the pulls that are to be told to a target that takes none."""
    ground = lay_ground(server.settings)
    with ground.database.read() as connection:
        bodies = connection.execute(sa.select(event_deliveries.c.body)).scalars().all()
    ground.close()
    return counted(map(json.loads, bodies))


def counted(found: Iterable[dict[str, Any]]) -> Counter[str]:
    events = [each for each in found if each["detail"].get("action-type") == "PULL"]
    assert len({each["id"] for each in events}) == len(events)
    return Counter(each["detail"]["image-tag"] for each in events)


def writer(server: Forked) -> int:
    """The process that writes the newest journal."""
    newest = max((server.data / "journal").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    for pid in processes(server.pid):
        if newest in (descriptor.resolve() for descriptor in Path(f"/proc/{pid}/fd").iterdir()):
            return pid
    raise AssertionError(f"nobody writes {newest}")


def check(server: Forked, pullers: Pullers, found: Counter[str]) -> None:
    lost = pullers.answered - found
    assert not lost, "every answered pull is told of"
    assert not found - pullers.answered - pullers.under_way, "and only once"
    lines = [
        json.loads(line)
        for path in (server.data / "audit").iterdir()
        for line in path.read_text().splitlines()
    ]
    audited = Counter(each["requestID"] for each in lines)
    assert all(audited[request] == 1 for request in pullers.requests), "each request is audited"
    assert len(pullers.requests) == pullers.answered.total()


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_kill_loses_no_pull_and_makes_none(quick_folder: Path) -> None:
    dice = chance(5)
    with Forked(quick_folder, event_log=True) as server:
        server.start()
        server.create_repository(REPOSITORY)
        pullers = Pullers(server)
        pullers.push()
        for _ in range(6):
            begun = datetime.now(UTC)
            threads = pullers.start()
            pullers.await_one()
            time.sleep(dice.uniform(0, 1.4))  # some before, some after the first events
            server.kill()
            pullers.end(threads)
            server.start()
        await_delivery(server.settings)
        check(server, pullers, told(server))
        image = server.image(REPOSITORY, BASE.digest)
        assert image["lastRecordedPullTime"] >= begun
        server.stop()
        assert "Traceback" not in server.log.read_text()
        assert list((server.data / "journal").iterdir()) == []
    print(f"{pullers.answered.total()} pulls answered, {pullers.under_way.total()} under way")
    assert pullers.answered.total() > 30


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_living_worker_tells_what_a_killed_one_had_not(quick_folder: Path) -> None:
    with Forked(quick_folder, 2) as server:
        server.start()
        server.create_repository(REPOSITORY)
        ground = lay_ground(server.settings)
        wish = Wish("http://127.0.0.1:9/", actions=["PULL"])  # none may go there: all wait
        event_targets_of(ground).put(server.settings.scope, "deaf", wish)
        ground.close()
        pullers = Pullers(server)
        pullers.push()
        for _ in range(2):
            threads = pullers.start()
            pullers.await_one()
            time.sleep(0.3)
            os.kill(writer(server), signal.SIGKILL)
            time.sleep(0.5)
            pullers.end(threads, stop=True)
        assert pullers.under_way, "a worker was killed that answered"
        deadline = time.monotonic() + 30
        while pullers.answered - waiting(server):
            assert time.monotonic() < deadline, pullers.answered - waiting(server)
            time.sleep(0.2)
        check(server, pullers, waiting(server))
        server.stop()
