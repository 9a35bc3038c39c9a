"""A make-believe engine and journal, in which a task is brought on as the reconciler does it.

What happens by itself (exits, health, refusals, crashes of the agent between a step and its
being written down) is drawn by whoever drives it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from registry.ecs.agent.deciding import (
    Act,
    Cause,
    Decision,
    Step,
    container_status,
    decide,
    task_status,
)
from registry.ecs.agent.definition import Container, Task
from registry.ecs.agent.facts import EngineState, Known, Record, Seen
from registry.ecs.statuses import ContainerStatus, HealthStatus, TaskStatus

Happening = Callable[[list[str]], str]
"""Chooses one of several ways that things can go."""


def first(ways: list[str]) -> str:
    """Always the first way: all goes well."""
    return ways[0]


@dataclass
class World:
    """One task, its journal, and an engine."""

    task: Task
    choose: Happening = first
    now: float = 1000.0
    asked_to_stop: bool = False
    cause: Cause | None = None
    records: dict[str, Record] = field(default_factory=dict)
    engine: dict[str, Seen] = field(default_factory=dict)
    creations: dict[str, int] = field(default_factory=dict)
    runs: dict[str, int] = field(default_factory=dict)
    ladder: dict[str, ContainerStatus] = field(default_factory=dict)
    status: TaskStatus = TaskStatus.PROVISIONING

    @property
    def stopping(self) -> bool:
        return self.asked_to_stop or self.cause is not None

    def known(self) -> dict[str, Known]:
        found = {}
        for name in self.task.containers:
            record = self.records.get(name, Record())
            seen = None if record.finished else self.engine.get(name)
            found[name] = Known(record, seen)
        return found

    def decide(self) -> Decision:
        """What comes next; what is to be written down has been, and the ladders are kept."""
        while True:
            known = self.known()
            self._watch(known)
            decision = decide(self.task, known, stopping=self.stopping, now=self.now)
            for finish in decision.finishes:
                seen = self.engine.get(finish.container)
                began = bool(seen and seen.started_at)
                record = self.records.get(finish.container, Record())
                self.records[finish.container] = replace(
                    record,
                    finished=True,
                    exit_code=finish.exit_code,
                    reason=finish.reason,
                    started=record.started or began,
                    finished_at=self.now,
                )
            self.cause = self.cause or decision.cause
            if not (decision.finishes or decision.cause):
                return decision

    def _watch(self, known: dict[str, Known]) -> None:
        for name, one in known.items():
            status = container_status(one)
            before = self.ladder.get(name, ContainerStatus.NONE)
            assert not status.before(before), f"{name} went from {before} down to {status}"
            self.ladder[name] = status
        reached = task_status(self.task, known, stopping=self.stopping)
        assert not reached.before(self.status), f"from {self.status} down to {reached}"
        self.status = reached

    def do(self, step: Step) -> None:
        """Do a step, or fail at it, or be cut off before it is written down."""
        ways = ["done", "cut off"]
        if step.act in (Act.PULL, Act.CREATE, Act.START):
            ways.append("refused")
        way = self.choose(ways)
        container = self.task.containers[step.container]
        changes = self._refused() if way == "refused" else self._done(step, container)
        if way != "cut off":
            record = self.records.get(step.container, Record())
            self.records[step.container] = replace(record, **changes)  # type: ignore[arg-type]  # by name

    def _refused(self) -> dict[str, object]:
        return {"failure": "CannotStartContainerError: no"}

    def _done(self, step: Step, container: Container) -> dict[str, object]:
        name = container.name
        match step.act:
            case Act.PULL:
                return {"image": "image@sha256:1", "digest": "sha256:1"}
            case Act.CREATE:
                if name not in self.engine:
                    self.creations[name] = self.creations.get(name, 0) + 1
                    self.engine[name] = Seen(name, EngineState.CREATED)
                return {"runtime_id": name}
            case Act.START:
                self._run(name)
                return {"started": True}
            case Act.RESTART:
                return self._restart(name)
            case Act.SIGNAL:
                if self.choose(["exits", "ignores"]) == "exits":
                    self.exit(name, 143)
                return {"stop_by": self.now + container.stop_timeout}
            case Act.KILL:
                self.exit(name, 137)
                return {}

    def _restart(self, name: str) -> dict[str, object]:
        record, began = self.records[name], self.engine[name].started_at
        again = record.restarted_from == began
        count = record.restarts if again else record.restarts + 1
        self.records[name] = replace(record, restarts=count, restarted_from=began)
        self._run(name)
        return {}

    def _run(self, name: str) -> None:
        if self.engine[name].state is EngineState.RUNNING:
            return
        self.now += 0.5
        self.runs[name] = self.runs.get(name, 0) + 1
        self.engine[name] = Seen(name, EngineState.RUNNING, started_at=self.now)

    def exit(self, name: str, code: int) -> None:
        """A container ends by itself."""
        seen = self.engine.get(name)
        if seen and seen.state is EngineState.RUNNING:
            self.now += 0.25
            self.engine[name] = replace(
                seen, state=EngineState.EXITED, exit_code=code, finished_at=self.now
            )

    def becomes(self, name: str, health: HealthStatus) -> None:
        """A health check says something."""
        seen = self.engine.get(name)
        if seen and seen.state is EngineState.RUNNING:
            self.engine[name] = replace(seen, health=health)

    def settle(self) -> None:
        """Go on until there is nothing left to do at all."""
        for _ in range(500):
            decision = self.decide()
            if not decision.steps:
                if decision.look_at is None:
                    return
                self.now = max(self.now, decision.look_at)
            for step in decision.steps:
                self.do(step)
        raise AssertionError(f"it never settles: {self.known()}")
