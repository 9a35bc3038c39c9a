"""The process that runs containers: one agent, told of its tasks as soon as they are written."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from registry.ecs.control.dispatching import Dispatcher
from registry.ecs.control.states import States
from registry.ecs.protocol import Instance
from registry.ecs.running import Plane, Running
from tests.application import Registry
from tests.ecs.plane import FakeRoles, RecordingAgent

BOX: Any = {"name": "box", "image": "localhost:5000/box:v1", "memory": 64}
ENGINE = Instance(
    "default", [{"name": "CPU", "integerValue": 1024}, {"name": "MEMORY", "integerValue": 512}],
    [{"name": "ecs.os-type", "value": "linux"}], "1", "2",
)  # fmt: skip


class Taken(Exception):
    """Another process runs the agent."""


class StartedAgent(RecordingAgent):
    """Notes that it was begun and ended."""

    def __init__(self, plane: Plane, *, taken: bool = False) -> None:
        super().__init__()
        self._plane = plane
        self._taken = taken
        self.life: list[str] = []

    def start(self) -> None:
        if self._taken:
            raise Taken
        self.life.append("start")
        self._plane.register(ENGINE)

    def close(self) -> None:
        self.life.append("close")


@contextmanager
def going(running: Running) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=running.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def until(done: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def knows(agent: RecordingAgent, arn: str) -> bool:
    return arn in [each.arn for each in agent.accepted]


@pytest.fixture
def plane(registry: Registry) -> Plane:
    return Plane(registry.ground.ecs, States(registry.ground.ecs))


def test_a_task_reaches_the_agent_by_itself(registry: Registry, ecs: Any, plane: Plane) -> None:
    database = registry.ground.ecs
    agent = StartedAgent(plane)
    failing: list[int] = []

    def broken() -> None:
        failing.append(1)
        raise ValueError("a step that fails")

    running = Running(
        database, agent, Dispatcher(database, agent, FakeRoles()), Taken, steps=[broken]
    )
    ecs.create_cluster(clusterName="before")
    with going(running):
        until(lambda: agent.life)
        ecs.create_cluster(clusterName="after")
        ecs.register_task_definition(family="plain", containerDefinitions=[BOX])
        for cluster in ("before", "after"):
            (task,) = ecs.run_task(cluster=cluster, taskDefinition="plain")["tasks"]
            until(partial(knows, agent, task["taskArn"]))
    assert agent.life == ["start", "close"]
    assert failing


def test_only_one_process_runs_it(registry: Registry, plane: Plane) -> None:
    database = registry.ground.ecs
    agent = StartedAgent(plane, taken=True)
    Running(database, agent, Dispatcher(database, agent, FakeRoles()), Taken).run(threading.Event())
    assert agent.life == []


def test_an_engine_that_does_not_answer_takes_nothing(
    registry: Registry, ecs: Any, plane: Plane
) -> None:
    ecs.create_cluster()
    ecs.register_task_definition(family="plain", containerDefinitions=[BOX])
    plane.register(ENGINE)
    plane.heartbeat(connected=False)
    found = ecs.run_task(taskDefinition="plain")
    assert [each["reason"] for each in found["failures"]] == ["AGENT"]
    plane.heartbeat(connected=True)
    assert ecs.run_task(taskDefinition="plain")["tasks"]
