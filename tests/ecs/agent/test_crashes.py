"""An agent that is killed at any moment loses no task and begins none twice."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from registry.ecs.agent.definition import PAUSE
from registry.ecs.agent.journal import Journal
from registry.ecs.agent.payloads import payload_to_json
from registry.ecs.protocol import TaskPayload
from registry.ecs.statuses import DesiredStatus
from tests.ecs.agent.harness import Rig, eventually
from tests.upstream.fake import FakeRegistry

ROUNDS = 6
TASKS = 10


class Killed:
    """A folder in which one process with an agent follows the other."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        for name in ("inbox", "taken"):
            (folder / name).mkdir(parents=True)
        (folder / "told").touch()
        self.client = docker.APIClient(url)
        self.sent = 0

    @contextmanager
    def process(self) -> Iterator[None]:
        """Have one run until the block ends, and kill it."""
        command = [sys.executable, "-m", "tests.ecs.agent.child", self.url, str(self.folder)]
        log = (self.folder / "log").open("ab")
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield
            assert process.poll() is None, (self.folder / "log").read_text()
        finally:
            process.kill()
            process.wait()
            log.close()

    def send(self, payload: TaskPayload) -> None:
        """Put a payload into the inbox, whole."""
        self.sent += 1
        (self.folder / "part").write_text(payload_to_json(payload))
        (self.folder / "part").rename(self.folder / "inbox" / f"{self.sent:04}.json")

    def states(self) -> dict[str, dict[str, Any]]:
        """The last state that was told of each task."""
        lines = (self.folder / "told").read_text().splitlines()
        return {one["arn"]: one for one in map(json.loads, lines)}

    def containers(self) -> list[dict[str, Any]]:
        """All that is on the engine of this agent."""
        label = f"moorage.agent={(self.folder / 'agent').read_text()}"
        found: list[dict[str, Any]] = self.client.containers(all=True, filters={"label": [label]})
        return found

    def close(self) -> None:
        """Remove what is left."""
        if (self.folder / "agent").exists():
            for one in self.containers():
                self.client.remove_container(one["Id"], force=True, v=True)
        self.client.close()


@pytest.fixture
def killed(engine: str, tmp_path: Path) -> Iterator[Killed]:
    made = Killed(engine, tmp_path / "killed")
    yield made
    made.close()


def test_killed_at_random_moments(
    killed: Killed, rig: Rig, registry_of_images: FakeRegistry
) -> None:
    drawn = random.Random(2)  # noqa: S311 (drawn again the same, and no secret)
    modes = [drawn.choice(["none", "bridge", "awsvpc"]) for _ in range(TASKS)]
    tasks = [rig.payload({}, {"name": "side"}, networkMode=mode) for mode in modes]
    stops = tasks[: TASKS // 2]
    for number in range(ROUNDS):
        for payload in tasks[number::ROUNDS]:
            killed.send(payload)
        for payload in stops[number - 2 :: ROUNDS] if number >= 2 else ():
            killed.send(replace(payload, desired_status=DesiredStatus.STOPPED))
        with killed.process():
            time.sleep(drawn.uniform(0.5, 2.5))
    for payload in stops:
        killed.send(replace(payload, desired_status=DesiredStatus.STOPPED))
    ended = {one.arn for one in stops}
    wanted = {one.arn: "STOPPED" if one.arn in ended else "RUNNING" for one in tasks}
    with killed.process():
        eventually(lambda: {arn: one["status"] for arn, one in killed.states().items()} == wanted)
        held = killed.containers()
    named = Counter(one["Labels"]["com.amazonaws.ecs.task-arn"] for one in held)
    for payload, mode in zip(tasks, modes, strict=True):
        whole = 3 if mode == "awsvpc" else 2
        if payload.arn in ended:
            assert named[payload.arn] <= whole
        else:
            assert named[payload.arn] == whole
    running = {
        one["Labels"]["com.amazonaws.ecs.task-arn"] for one in held if one["State"] == "running"
    }
    assert running == {one.arn for one in tasks} - ended


def test_the_next_agent_takes_over_what_runs(rig: Rig) -> None:
    logs = {"logDriver": "awslogs", "options": {"awslogs-group": "g"}}
    payloads = [rig.running({"logConfiguration": logs}, networkMode="awsvpc") for _ in range(3)]
    before = {one.arn: rig.shown(one)["State"]["StartedAt"] for one in payloads}
    identity, followed = rig.agent.id, list(rig.others.followed)
    rig.restart()
    assert rig.agent.id == identity
    rig.plane.until(lambda: len(rig.plane.tasks) == 3)
    assert {one.arn: rig.shown(one)["State"]["StartedAt"] for one in payloads} == before
    assert {state.status for state in rig.plane.tasks.values()} == {"RUNNING"}
    assert len(rig.containers()) == 6
    eventually(lambda: sorted(rig.others.followed) == sorted(followed * 2))
    assert rig.stop(payloads[0]).containers[0].exit_code == 0


def test_what_was_made_and_not_written_down_is_taken_over(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, cut = Journal.record, list[str]()

    def cut_off_once(journal: Journal, arn: str, name: str, **changes: Any) -> Any:
        if "runtime_id" in changes and name not in cut:
            cut.append(name)
            raise OSError("cut off")
        return record(journal, arn, name, **changes)

    monkeypatch.setattr(Journal, "record", cut_off_once)
    payload = rig.running({}, networkMode="awsvpc")
    assert cut == [PAUSE, "app"]
    assert len(rig.containers()) == 2
    assert rig.plane.tasks[payload.arn].containers[0].runtime_id == rig.shown(payload)["Id"]


def test_what_ended_while_no_agent_was_there(rig: Rig) -> None:
    payload = rig.running({})
    container = rig.shown(payload)["Id"]
    rig.agent.close()
    rig.engine.kill(container)
    rig.engine.wait(container)
    rig.restart()
    rig.plane.until(lambda: payload.arn in rig.plane.tasks)
    eventually(lambda: rig.plane.tasks[payload.arn].status == "STOPPED")
    assert rig.plane.tasks[payload.arn].containers[0].exit_code == 137
