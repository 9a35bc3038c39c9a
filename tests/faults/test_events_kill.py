"""SIGKILL in mid-change: each change has its event once, and nothing else has one.

A thread pushes, moves tags and deletes until the server is killed, and looks afterwards whether
the change that was under way happened. The log and a webhook must then tell of exactly what did.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.config import Settings
from registry.domain.events.targets import Wish
from registry.ground import lay_ground
from registry.stores import event_queue_of, event_targets_of
from tests import images
from tests.domain.events.hook import SECRET, Hook, Received, hook
from tests.faults.client import Client, Gone, chance, digest_of
from tests.faults.forked import Forked

REPOSITORY = "team/told"
BASE = images.oci_image(images.layer({"a": b"told"}))

Key = tuple[str, str, str]
"""Action, digest, tag."""


class Changes:
    """Changes to one repository, each known by a key that no other has."""

    def __init__(self, authorization: str, port: int) -> None:
        self._authorization = authorization
        self._port = port
        self._number = 0
        self.done: list[Key] = []
        self.doubtful = 0
        """How many were under way at a kill."""
        self.happened = 0
        """How many of those had been made."""
        self._under_way: Key | None = None

    def client(self) -> Client:
        return Client(self._port, self._authorization, timeout=20)

    def await_(self, number: int) -> None:
        """Until so many are made, however slow the machine is."""
        deadline = time.monotonic() + 30
        while len(self.done) < number and time.monotonic() < deadline:
            time.sleep(0.005)

    def blobs(self) -> None:
        with self.client() as client:
            for blob in BASE.blobs:
                assert client.put_blob(REPOSITORY, blob.content).status == 201

    def run(self) -> None:
        """Until the server is gone."""
        with self.client() as client:
            try:
                while True:
                    self._round(client)
            except Gone:
                return

    def _round(self, client: Client) -> None:
        self._number += 1
        number = self._number
        manifest = json.dumps({**json.loads(BASE.manifest), "annotations": {"n": str(number)}})
        content, digest = manifest.encode(), digest_of(manifest.encode())
        for tag in (f"a{number}", f"b{number}"):
            self._do(client, ("PUSH", digest, tag), content)
            self._do(client, ("PUSH", digest, tag), content, change=False)
        self._do(client, ("DELETE", digest, f"b{number}"))
        if number % 3:
            self._do(client, ("DELETE", digest, f"a{number}"), by=digest)

    def _do(
        self, client: Client, key: Key, content: bytes = b"", *, by: str = "", change: bool = True
    ) -> None:
        """Make a change; one that changes nothing must be answered and not told."""
        action, _, tag = key
        self._under_way = key if change else None
        if action == "PUSH":
            answer = client.put_manifest(REPOSITORY, tag, content, BASE.media_type)
        else:
            answer = client.ask("DELETE", f"/v2/{REPOSITORY}/manifests/{by or tag}")
        assert answer.status in {201, 202}, answer
        self._under_way = None
        if change:
            self.done.append(key)

    def settle(self) -> None:
        """After a start: was it made, or not?"""
        if self._under_way is None:
            return
        action, _, tag = self._under_way
        with self.client() as client:
            there = client.manifest(REPOSITORY, tag).status == 200
        self.doubtful += 1
        if there is (action == "PUSH"):
            self.happened += 1
            self.done.append(self._under_way)
        self._under_way = None


def key_of(event: dict[str, Any]) -> Key:
    detail = event["detail"]
    return detail["action-type"], detail["image-digest"], detail["image-tag"]


def logged(data: Path) -> list[dict[str, Any]]:
    paths = sorted((data / "events").glob("*.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


@pytest.fixture
def ear() -> Iterator[Hook]:
    with hook() as found:
        yield found


def listen(settings: Settings, ear: Hook) -> None:
    """Have the hook told of images, beside the running server."""
    ground = lay_ground(settings)
    wish = Wish(ear.url, actions=["PUSH", "DELETE"], secret=SECRET)
    event_targets_of(ground).put(settings.scope, "ear", wish)
    ground.close()


def await_delivery(settings: Settings, seconds: float = 60) -> None:
    ground = lay_ground(settings)
    queue, deadline = event_queue_of(settings, ground), time.monotonic() + seconds
    while loads := queue.loads():
        assert time.monotonic() < deadline, loads
        time.sleep(0.1)
    ground.close()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("workers", "kills"), [(1, 20), (2, 3)])
def test_a_kill_loses_no_event_and_makes_none(
    quick_folder: Path, ear: Hook, workers: int, kills: int
) -> None:
    dice = chance(workers)
    failing = random.Random(workers)  # noqa: S311 - test data

    def answer(_received: Received) -> int:
        return 503 if failing.random() < 0.01 else 200

    ear.answer = answer
    more = {"event_log": True, "event_local_targets": True}
    with Forked(quick_folder, workers, **more) as server:
        server.start()
        server.create_repository(REPOSITORY)
        changes = Changes(server.authorization(), server.port)
        changes.blobs()
        listen(server.settings, ear)
        for number in range(kills):
            changing = threading.Thread(target=changes.run)
            changing.start()
            time.sleep(dice.uniform(0.03, 0.5))
            changes.await_(3 * number)
            server.kill()
            changing.join(30)
            assert not changing.is_alive()
            server.start()
            changes.settle()
        await_delivery(server.settings)
        server.stop()
        assert "Traceback" not in server.log.read_text()
        check(changes, logged(server.data), ear)
    print(
        f"{kills} kills, {workers} workers: {len(changes.done)} changes, of {changes.doubtful}"
        f" under way {changes.happened} were made; {len(ear.received)} deliveries"
    )
    assert len(changes.done) > 2 * kills


def check(changes: Changes, lines: list[dict[str, Any]], ear: Hook) -> None:
    expected = Counter(changes.done)
    assert set(expected.values()) == {1}
    told = [each for each in lines if each["detail"].get("action-type") in {"PUSH", "DELETE"}]
    assert Counter(map(key_of, told)) == expected, "the log tells of each change once"
    assert len({each["id"] for each in lines}) == len(lines)
    # A delivery that the kill kept from being settled comes again, under its id.
    by_id = {each.event["id"]: each.event for each in ear.received}
    assert list(by_id) == [each["id"] for each in told], "in the order of the changes"
    assert [by_id[each["id"]] for each in told] == told
    assert all(each.verify() for each in ear.received)
