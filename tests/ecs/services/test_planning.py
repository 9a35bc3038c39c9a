"""The plan as a function: what it never does, and where it leads."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.ecs.control.scheduling.planning import plan
from registry.ecs.control.scheduling.views import (
    COMPLETED,
    FAILED,
    Breaker,
    Loss,
    Plan,
    Rollout,
    ServiceView,
    TaskView,
    delay,
)


@dataclass
class World:
    """A service and its tasks, with chance in the hands of the test."""

    service: ServiceView
    rollouts: dict[str, Rollout]
    tasks: dict[str, TaskView] = field(default_factory=dict)
    losses: list[Loss] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    now: float = 1000.0
    made: int = 0

    def look(self) -> Plan:
        """One plan, checked against the percents."""
        decided = plan(
            self.service,
            list(self.rollouts.values()),
            list(self.tasks.values()),
            self.losses,
            self.now,
        )
        living = [task for task in self.tasks.values() if not task.stopping]
        stopped = {stop.task for stop in decided.stops}
        assert stopped <= {task.id for task in living}
        assert len(stopped) == len(decided.stops)
        if decided.starts:
            assert len(living) + len(decided.starts) <= self.service.ceiling
        healthy = [task for task in living if task.healthy]
        left = [task for task in healthy if task.id not in stopped]
        if len(left) < len(healthy):
            assert len(left) >= self.service.floor
        free = [task for task in living if task.id in stopped and not task.unhealthy]
        assert not any(task.protected for task in free)
        return decided

    def apply(self, decided: Plan) -> None:
        """All of it in one, as the transaction does."""
        self.losses = [loss for loss in self.losses if loss.id not in decided.counted]
        for stop in decided.stops:
            self.tasks[stop.task] = replace(self.tasks[stop.task], stopping=True)
        for rollout in decided.rollouts:
            self.rollouts[rollout.id] = rollout
        for begun in decided.starts:
            self.made += 1
            number = f"t{self.made}"
            self.tasks[number] = TaskView(number, begun.rollout, begun.place, created=self.now)
        self.events += decided.events

    def run(self, number: str) -> None:
        self.tasks[number] = replace(self.tasks[number], running=True, healthy=True)

    def lose(self, number: str, *, failed: bool) -> None:
        task = self.tasks.pop(number)
        self.losses.append(Loss(number, task.rollout, failed))

    def play(self, broken: frozenset[str] = frozenset()) -> None:
        """The agent does what it is told."""
        for task in list(self.tasks.values()):
            if task.stopping:
                self.lose(task.id, failed=False)
            elif task.rollout in broken:
                self.lose(task.id, failed=True)
            elif not task.running:
                self.run(task.id)

    def settle(self, broken: frozenset[str] = frozenset()) -> None:
        for _ in range(60):
            self.now += 2000
            decided = self.look()
            still = all(task.running and not task.stopping for task in self.tasks.values())
            if still and not (decided.starts or decided.stops or decided.rollouts or self.losses):
                return
            self.apply(decided)
            self.play(broken)
        raise AssertionError("it does not come to rest")


@given(st.integers(1, 12), st.sampled_from([(100, 200), (50, 100), (0, 100), (50, 150)]))
def test_a_broken_revision_rolls_back(desired: int, percents: tuple[int, int]) -> None:
    if desired == 1 and percents[0] == 50:
        percents = (0, 100)
    service = ServiceView("web", desired, *percents, Breaker(enabled=True, rollback=True))
    world = World(service, {"old": Rollout("old")})
    world.settle()
    world.rollouts = {"old": replace(world.rollouts["old"], primary=False), "new": Rollout("new")}
    world.settle(frozenset({"new"}))
    assert world.rollouts["old"].primary
    assert world.rollouts["old"].state == COMPLETED
    assert world.rollouts["new"].state == FAILED
    assert {task.rollout for task in world.tasks.values()} == {"old"}
    assert len(world.tasks) == desired


def test_a_rollback_that_fails_does_not_go_back_and_forth() -> None:
    service = ServiceView("web", 1, breaker=Breaker(enabled=True, rollback=True))
    old = Rollout("old", primary=False, state=COMPLETED, completed_at=1.0)
    world = World(service, {"old": old, "new": Rollout("new")})
    world.settle(frozenset({"old", "new"}))
    assert world.rollouts["old"].primary
    assert {each.state for each in world.rollouts.values()} == {FAILED}
    assert world.tasks == {}


def test_the_percents_that_leave_no_way_are_told_once() -> None:
    service = ServiceView("web", 1, 50, 100)
    world = World(service, {"old": Rollout("old")})
    world.settle()
    world.rollouts = {"old": replace(world.rollouts["old"], primary=False), "new": Rollout("new")}
    world.events = []
    world.settle()
    (told,) = world.events
    assert "minimumHealthyPercent or maximumPercent" in told
    assert len(world.tasks) == 1


def test_a_protected_task_holds_a_deployment_up_until_it_is_free() -> None:
    world = World(ServiceView("web", 2), {"old": Rollout("old")})
    world.settle()
    first = min(world.tasks)
    world.tasks[first] = replace(world.tasks[first], protected=True)
    world.rollouts = {"old": replace(world.rollouts["old"], primary=False), "new": Rollout("new")}
    world.settle()
    assert first in world.tasks
    assert len(world.tasks) == 3
    world.tasks[first] = replace(world.tasks[first], protected=False)
    world.settle()
    assert len(world.tasks) == 2
    assert first not in world.tasks


@given(st.sets(st.sampled_from("abcdef")), st.sampled_from([0, 50]))
def test_daemons_never_run_twice_in_one_place(places: set[str], minimum: int) -> None:
    service = ServiceView("web", 0, minimum, 100, places=tuple(sorted(places)))
    world = World(service, {"old": Rollout("old")})
    for broken in (False, True):
        for _ in range(40):
            world.now += 10
            world.apply(world.look())
            used = [task.place for task in world.tasks.values()]
            assert len(used) == len(set(used))
            world.play()
        assert {task.place for task in world.tasks.values()} == places
        if not broken:
            old = replace(world.rollouts["old"], primary=False)
            world.rollouts = {"old": old, "new": Rollout("new")}
    if places and not (minimum and len(places) == 1):
        assert {task.rollout for task in world.tasks.values()} == {"new"}


@pytest.mark.parametrize(
    ("breaker", "desired", "threshold"),
    [
        (Breaker(), 1, 3),
        (Breaker(), 25, 13),
        (Breaker(), 400, 200),
        (Breaker(), 800, 200),
        (Breaker(kind="COUNT", value=7), 800, 7),
        (Breaker(kind="UNBOUNDED_PERCENT", value=50), 800, 400),
    ],
)
def test_thresholds(breaker: Breaker, desired: int, threshold: int) -> None:
    assert breaker.threshold(desired) == threshold


def test_waits_grow_to_27_minutes() -> None:
    assert [delay(rounds) for rounds in (1, 2, 3, 4, 20)] == [0, 0, 10, 20, 1620]
