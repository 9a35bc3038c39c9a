"""What comes next for a task, whatever happens."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.ecs.agent import reasons
from registry.ecs.agent.deciding import Act, Step, decide
from registry.ecs.agent.definition import (
    PAUSE,
    START,
    Container,
    Dependency,
    RestartPolicy,
    Task,
)
from registry.ecs.agent.facts import EngineState, Known, Record, Seen
from registry.ecs.statuses import ContainerStatus, HealthStatus, StopCode, TaskStatus
from tests.ecs.agent.world import World

CONDITIONS = ("CREATE", "START", "COMPLETE", "SUCCESS", "HEALTHY")
MIN_SECONDS = 60.0


def task_of(*containers: Container, mode: str = "bridge", fargate: bool = False) -> Task:
    return Task("arn:task", {one.name: one for one in containers}, mode, fargate=fargate)


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    """Up to four containers, each of which may wait for earlier ones."""
    paused = draw(st.booleans())
    found = [Container(PAUSE, internal=True, stop_timeout=2.0)] if paused else []
    always = (Dependency(PAUSE, START),) if paused else ()
    for number in range(draw(st.integers(1, 4))):
        earlier = [one.name for one in found if not one.internal]
        names = draw(st.lists(st.sampled_from(earlier), unique=True)) if earlier else []
        waits = tuple(Dependency(name, draw(st.sampled_from(CONDITIONS))) for name in names)
        found.append(
            Container(
                f"c{number}",
                essential=draw(st.booleans()) if number else True,
                dependencies=always + waits,
                start_timeout=draw(st.sampled_from([None, 5.0])),
                restart=RestartPolicy(frozenset({0}), MIN_SECONDS) if draw(st.booleans()) else None,
                checked=True,
            )
        )
    mode = "awsvpc" if paused else "bridge"
    return task_of(*found, mode=mode, fargate=draw(st.booleans()))


def assert_in_order(world: World, step: Step) -> None:
    """What a step must not run ahead of, read off the engine and not off the decision."""
    container = world.task.containers[step.container]
    if step.act in (Act.START, Act.CREATE):
        for dependency in container.dependencies:
            other, record = world.engine.get(dependency.container), world.records
            ended = record.get(dependency.container, Record())
            assert other is not None, "nothing is started before what it depends on exists"
            match dependency.condition:
                case "START":
                    assert other.started_at is not None
                case "COMPLETE":
                    assert other.state is EngineState.EXITED
                    assert ended.finished
                case "SUCCESS":
                    assert ended.exit_code == 0
                case "HEALTHY":
                    assert other.health is HealthStatus.HEALTHY
    if step.act in (Act.SIGNAL, Act.KILL) and world.stopping:
        for dependent in world.task.dependents(step.container):
            seen = world.engine.get(dependent.name)
            assert seen is None or seen.state is not EngineState.RUNNING


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_whatever_happens_the_ladders_and_the_order_hold(data: st.DataObject) -> None:
    world = World(data.draw(tasks()), lambda ways: data.draw(st.sampled_from(ways)))
    names = st.sampled_from(list(world.task.containers))
    for _ in range(data.draw(st.integers(0, 25))):
        happening = data.draw(st.sampled_from(["step", "step", "step", "exit", "health", "time"]))
        steps = world.decide().steps
        if happening == "step" and steps:
            step = data.draw(st.sampled_from(steps))
            assert_in_order(world, step)
            world.do(step)
        elif happening == "exit":
            world.exit(data.draw(names), data.draw(st.sampled_from([0, 1])))
        elif happening == "health":
            world.becomes(data.draw(names), data.draw(st.sampled_from(list(HealthStatus))))
        else:
            world.now += data.draw(st.floats(0, 100))
    world.asked_to_stop = True
    world.settle()
    assert world.status is TaskStatus.STOPPED
    assert set(world.ladder.values()) == {ContainerStatus.STOPPED}
    running = [one for one in world.engine.values() if one.state is EngineState.RUNNING]
    assert running == []
    assert all(count == 1 for count in world.creations.values())
    for name, runs in world.runs.items():
        assert runs == 1 + world.records[name].restarts


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_an_agent_that_is_cut_off_gets_to_the_same_end(data: st.DataObject) -> None:
    task = data.draw(tasks())
    smooth = World(task)
    smooth.settle()
    cuts = iter(data.draw(st.lists(st.booleans(), max_size=30)))

    def torn(ways: list[str]) -> str:
        return "cut off" if "cut off" in ways and next(cuts, False) else ways[0]

    rough = World(task, torn)
    rough.settle()
    assert rough.status is smooth.status
    assert rough.ladder == smooth.ladder
    assert rough.creations == smooth.creations
    assert rough.runs == smooth.runs


@settings(max_examples=150, deadline=None)
@given(tasks(), st.integers(0, 3))
def test_an_essential_container_takes_the_task_with_it(task: Task, code: int) -> None:
    world = World(task)
    world.settle()
    running = [
        one.name
        for one in task.own
        if one.essential
        and not one.restart
        and world.ladder[one.name] is ContainerStatus.RUNNING
        and not world.stopping
    ]
    if not running:
        return
    world.exit(running[0], code)
    world.settle()
    assert world.status is TaskStatus.STOPPED
    assert world.cause is not None
    assert world.cause.code is StopCode.ESSENTIAL_CONTAINER_EXITED
    assert world.cause.reason == "Essential container in task exited"
    assert world.records[running[0]].exit_code == code


def test_a_task_runs_when_all_its_containers_do() -> None:
    world = World(task_of(Container("a"), Container("b", dependencies=(Dependency("a", START),))))
    world.settle()
    assert world.status is TaskStatus.RUNNING


def test_an_awsvpc_task_is_provisioned_first_and_deprovisioned_last() -> None:
    pause = Container(PAUSE, internal=True)
    app = Container("a", dependencies=(Dependency(PAUSE, START),))
    world = World(task_of(pause, app, mode="awsvpc"))
    assert [step.container for step in world.decide().steps] == [PAUSE]
    assert world.status == "PROVISIONING"
    world.settle()
    assert world.status == "RUNNING"
    world.asked_to_stop = True
    assert world.decide().steps == (Step(Act.SIGNAL, "a"),)
    world.do(Step(Act.SIGNAL, "a"))
    assert world.decide().steps == (Step(Act.SIGNAL, PAUSE),)
    assert world.status == "DEPROVISIONING"


@pytest.mark.parametrize(
    ("fargate", "told"),
    [(False, "Task failed to start"), (True, "CannotPullContainerError: no such image")],
)
def test_why_a_task_did_not_start(fargate: bool, told: str) -> None:
    task = task_of(Container("a"), fargate=fargate)
    failed = Record(failure="CannotPullContainerError: no such image")
    finish = decide(task, {"a": Known(failed)}, stopping=False, now=1).finishes[0]
    assert finish.reason == "CannotPullContainerError: no such image"
    ended = Known(replace(failed, finished=True, reason=finish.reason))
    cause = decide(task, {"a": ended}, stopping=False, now=1).cause
    assert cause is not None
    assert (cause.code, cause.reason) == (StopCode.TASK_FAILED_TO_START, told)


def test_a_secret_that_is_missing_is_named_by_the_task_itself() -> None:
    why = "ResourceInitializationError: unable to pull secrets"
    ended = Known(Record(failure=why, finished=True, reason=why))
    cause = decide(task_of(Container("a")), {"a": ended}, stopping=False, now=1).cause
    assert cause is not None
    assert cause.reason == why


def test_a_dependency_that_did_not_succeed_ends_those_that_wait_for_it() -> None:
    waits = Container("b", dependencies=(Dependency("a", "SUCCESS"),))
    world = World(task_of(Container("a", essential=False), waits))
    world.settle()
    world.exit("a", 2)
    world.settle()
    assert world.records["b"].exit_code == 143
    assert "dependency [a] for target [b] as dependency did not exit successfully" in (
        world.records["b"].reason or ""
    )
    assert world.status is TaskStatus.STOPPED


def test_waiting_ends_with_the_start_timeout_of_what_is_waited_for() -> None:
    slow = Container("a", essential=False, start_timeout=5.0, checked=True)
    waits = Container("b", dependencies=(Dependency("a", "HEALTHY"),))
    world = World(task_of(slow, waits))
    for _ in range(4):
        for step in world.decide().steps:
            world.do(step)
    began = world.engine["a"].started_at
    assert began is not None
    assert world.decide().look_at == began + 5.0
    world.now = began + 5.0
    world.decide()
    assert world.records["b"].reason == reasons.dependency_timed_out("a", "b")


def test_circles_are_found() -> None:
    one = Container("a", dependencies=(Dependency("b", START),))
    other = Container("b", dependencies=(Dependency("a", START),))
    world = World(task_of(one, other))
    world.settle()
    assert world.cause is not None
    assert world.cause.reason == (
        "TaskDependencyError: Task dependencies cannot be resolved, taskArn: arn:task"
    )
    assert world.status is TaskStatus.STOPPED


@pytest.mark.parametrize(
    ("ran", "code", "again"), [(61.0, 1, True), (59.0, 1, False), (61.0, 7, False)]
)
def test_a_restart_policy(ran: float, code: int, again: bool) -> None:
    policy = RestartPolicy(frozenset({7}), MIN_SECONDS)
    world = World(task_of(Container("a", restart=policy)))
    world.settle()
    world.now += ran - 0.25
    world.exit("a", code)
    world.settle()
    assert world.stopping is not again
    assert world.records["a"].restarts == (1 if again else 0)
    assert world.runs["a"] == (2 if again else 1)


def test_a_kill_follows_the_signal_after_the_stop_timeout() -> None:
    task = task_of(Container("a", stop_timeout=7.0))
    running = Seen("1", EngineState.RUNNING, started_at=1.0)
    known = {"a": Known(Record(runtime_id="1", started=True, stop_by=107.0), running)}
    waiting = decide(task, known, stopping=True, now=106.0)
    assert (waiting.steps, waiting.look_at) == ((), 107.0)
    assert decide(task, known, stopping=True, now=107.0).steps == (Step(Act.KILL, "a"),)


def test_a_container_that_vanished_has_stopped() -> None:
    known = {"a": Known(Record(image="i", runtime_id="1", started=True))}
    finish = decide(task_of(Container("a")), known, stopping=False, now=1).finishes[0]
    assert finish.reason == "ContainerVanishedError: No container matching saved ID found"


def test_a_start_that_was_cut_off_is_made_again() -> None:
    seen = Seen("1", EngineState.CREATED, error="context canceled")
    known = {"a": Known(Record(image="i", runtime_id="1"), seen)}
    decision = decide(task_of(Container("a")), known, stopping=False, now=1)
    assert decision.steps == (Step(Act.START, "a"),)


def test_a_pull_is_not_waited_for_when_the_task_is_to_stop() -> None:
    known = {"a": Known(busy=True)}
    task = task_of(Container("a"))
    assert decide(task, known, stopping=False, now=1).finishes == ()
    assert [one.container for one in decide(task, known, stopping=True, now=1).finishes] == ["a"]


def test_a_service_task_stops_when_it_is_unhealthy() -> None:
    ill = Seen("1", EngineState.RUNNING, started_at=1.0, health=HealthStatus.UNHEALTHY)
    known = {"a": Known(Record(image="i", runtime_id="1", started=True), ill)}
    alone = task_of(Container("a", checked=True))
    assert decide(alone, known, stopping=False, now=2).cause is None
    cause = decide(replace(alone, of_service=True), known, stopping=False, now=2).cause
    assert cause is not None
    assert cause.reason == "Task failed container health checks"


@pytest.mark.parametrize(
    ("seen", "fargate", "reason"),
    [
        (
            Seen("1", EngineState.EXITED, 137, 1.0, 2.0, oom_killed=True),
            False,
            "OutOfMemoryError: Container killed due to memory usage",
        ),
        (
            Seen("1", EngineState.EXITED, 128, 1.0, 2.0, error="shim died"),
            True,
            "ContainerRuntimeError: shim died",
        ),
    ],
)  # fmt: skip
def test_why_a_container_stopped(seen: Seen, fargate: bool, reason: str) -> None:
    known = {"a": Known(Record(image="i", runtime_id="1"), seen)}
    task = task_of(Container("a"), fargate=fargate)
    assert decide(task, known, stopping=False, now=3).finishes[0].reason == reason
