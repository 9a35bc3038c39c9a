"""What comes next for a task: a pure function of its definition and of what is known.

Nothing here remembers anything. After a crash the same facts lead to the same next step, and
what a step has done already shows in the facts, so it is not done twice. The order of things is
that of amazon-ecs-agent (`agent/engine/task_manager.go`, `dependencygraph/graph.go`): a container
is pulled, created and started when what it depends on allows; it is stopped after those that
depend on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from registry.ecs.agent import reasons
from registry.ecs.agent.definition import Container, Task
from registry.ecs.agent.dependencies import hopeless, satisfied, timeouts, unresolvable
from registry.ecs.agent.facts import EngineState, Known, Record, Seen
from registry.ecs.statuses import ContainerStatus, HealthStatus, StopCode, TaskStatus

KILL_AGAIN_SECONDS = 5.0


class Act(StrEnum):
    """What can be done to a container."""

    PULL = "PULL"
    CREATE = "CREATE"
    START = "START"
    RESTART = "RESTART"
    SIGNAL = "SIGNAL"
    KILL = "KILL"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do."""

    act: Act
    container: str


@dataclass(frozen=True, slots=True)
class Finish:
    """A container has stopped for good, which is to be written down."""

    container: str
    exit_code: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a task stops that nobody asked to."""

    code: StopCode
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What comes next. Finishes and a cause are written down first, then it is decided anew."""

    steps: tuple[Step, ...] = ()
    finishes: tuple[Finish, ...] = ()
    cause: Cause | None = None
    look_at: float | None = None
    """When something is due that the engine will not report."""


def decide(task: Task, known: Mapping[str, Known], *, stopping: bool, now: float) -> Decision:
    """What comes next for a task that is meant to run, or, `stopping`, to stop."""
    view = _View(task, known, stopping, now)
    found = [view.finish(container) for container in task.containers.values()]
    if finishes := tuple(one for one in found if one):
        return Decision(finishes=finishes)
    if not stopping and (cause := view.cause()):
        return Decision(cause=cause)
    steps = [view.step(container) for container in task.containers.values()]
    return Decision(steps=tuple(one for one in steps if one), look_at=view.look_at())


def container_status(known: Known) -> ContainerStatus:
    """The rung that a container is on."""
    if known.record.finished:
        return ContainerStatus.STOPPED
    if known.seen is None:
        return ContainerStatus.PULLED if known.record.image else ContainerStatus.NONE
    created = known.seen.state is EngineState.CREATED
    return ContainerStatus.CREATED if created else ContainerStatus.RUNNING


def task_status(task: Task, known: Mapping[str, Known], *, stopping: bool) -> TaskStatus:
    """The rung that a task is on."""
    own = [container_status(known[container.name]) for container in task.own]
    pause = container_status(known[task.pause.name]) if task.pause else None
    if stopping:
        if any(status is not ContainerStatus.STOPPED for status in own):
            return TaskStatus.STOPPING
        gone = pause in (None, ContainerStatus.STOPPED)
        return TaskStatus.STOPPED if gone else TaskStatus.DEPROVISIONING
    if pause and pause.before(ContainerStatus.RUNNING):
        awsvpc = task.network_mode == "awsvpc"
        return TaskStatus.PROVISIONING if awsvpc else TaskStatus.PENDING
    waiting = any(status.before(ContainerStatus.RUNNING) for status in own)
    return TaskStatus.PENDING if waiting else TaskStatus.RUNNING


def task_health(task: Task, known: Mapping[str, Known]) -> HealthStatus:
    """The worst health of its essential containers that are checked."""
    found = [
        seen.health
        for container in task.own
        if container.essential and container.checked and (seen := known[container.name].seen)
    ]
    for health in (HealthStatus.UNHEALTHY, HealthStatus.UNKNOWN, HealthStatus.HEALTHY):
        if health in found:
            return health
    return HealthStatus.UNKNOWN


@dataclass(frozen=True, slots=True)
class _View:
    task: Task
    known: Mapping[str, Known]
    stopping: bool
    now: float

    def finish(self, container: Container) -> Finish | None:
        known = self.known[container.name]
        record, seen = known.record, known.seen
        pulling = seen is None and record.image is None
        if record.finished or (known.busy and not (pulling and self.stopping)):
            return None
        if seen is None and record.runtime_id:
            return Finish(container.name, reason=record.failure or reasons.VANISHED)
        if seen and seen.state is EngineState.EXITED:
            again = not record.failure and self._restartable(container, known)
            return None if again else self._exited(container, record, seen)
        if seen and seen.state is EngineState.RUNNING:
            return None
        return self._not_starting(container, known)

    def _exited(self, container: Container, record: Record, seen: Seen) -> Finish:
        reason = record.failure
        if seen.oom_killed:
            reason = reasons.OUT_OF_MEMORY
        elif seen.error and not reason:
            reason = reasons.runtime_error(seen.error, fargate=self.task.fargate)
        return Finish(container.name, seen.exit_code, reason)

    def _not_starting(self, container: Container, known: Known) -> Finish | None:
        if known.record.failure:
            return Finish(container.name, reason=known.record.failure)
        if self.stopping:
            return Finish(container.name)
        why = hopeless(self.task, container, self.known, self.now)
        return Finish(container.name, reasons.TERMINATED, why) if why else None

    def _restartable(self, container: Container, known: Known) -> bool:
        policy, seen = container.restart, known.seen
        if self.stopping or policy is None or seen is None or seen.started_at is None:
            return False
        if seen.exit_code is None or seen.exit_code in policy.ignored_exit_codes:
            return False
        return (seen.finished_at or self.now) - seen.started_at >= policy.attempt_period

    def cause(self) -> Cause | None:
        if unresolvable(self.task):
            why = reasons.dependencies_unresolvable(self.task.arn)
            return Cause(StopCode.TASK_FAILED_TO_START, why)
        ended = [
            container
            for container in self.task.containers.values()
            if self.known[container.name].record.finished
        ]
        decisive = [container for container in ended if container.essential]
        if decisive or len(ended) == len(self.task.containers):
            return self._ended(min(decisive or ended, key=self._finished_at))
        unhealthy = task_health(self.task, self.known) is HealthStatus.UNHEALTHY
        if unhealthy and self.task.of_service:
            return Cause(StopCode.SERVICE_SCHEDULER_INITIATED, reasons.UNHEALTHY)
        return None

    def _finished_at(self, container: Container) -> float:
        return self.known[container.name].record.finished_at or 0.0

    def _ended(self, container: Container) -> Cause:
        record = self.known[container.name].record
        if record.started:
            return Cause(StopCode.ESSENTIAL_CONTAINER_EXITED, reasons.ESSENTIAL_EXITED)
        why = record.reason or ""
        # On EC2 the container says why; a task says so itself where no container could.
        itself = self.task.fargate or container.internal or why.startswith("ResourceInit")
        told = why if why and itself else reasons.FAILED_TO_START
        return Cause(StopCode.TASK_FAILED_TO_START, told)

    def step(self, container: Container) -> Step | None:
        known = self.known[container.name]
        if known.busy or known.record.finished:
            return None
        act = self._act(container, known)
        return Step(act, container.name) if act else None

    def _act(self, container: Container, known: Known) -> Act | None:
        state = known.seen.state if known.seen else None
        if state is EngineState.RUNNING:
            return self._stop(container, known)
        if self.stopping:
            return None
        if state is EngineState.EXITED:
            return Act.RESTART
        if known.seen is None and known.record.image is None:
            return Act.PULL if self._provisioned(container) else None
        if not satisfied(container, self.known):
            return None
        return Act.CREATE if known.seen is None else Act.START

    def _provisioned(self, container: Container) -> bool:
        pause = self.task.pause
        if pause is None or container.internal:
            return True
        return container_status(self.known[pause.name]) is ContainerStatus.RUNNING

    def _stop(self, container: Container, known: Known) -> Act | None:
        if not (known.record.failure or (self.stopping and self._undisturbing(container))):
            return None
        if known.record.stop_by is None:
            return Act.SIGNAL
        return Act.KILL if self.now >= known.record.stop_by else None

    def _undisturbing(self, container: Container) -> bool:
        """Whether nothing that depends on it runs any more."""
        for dependent in self.task.dependents(container.name):
            known = self.known[dependent.name]
            if known.seen and not known.record.finished:
                return False
        return True

    def look_at(self) -> float | None:
        due = list(timeouts(self.task, self.known)) if not self.stopping else []
        for known in self.known.values():
            if known.record.stop_by and not known.record.finished:
                past = known.record.stop_by <= self.now
                due.append(self.now + KILL_AGAIN_SECONDS if past else known.record.stop_by)
        return min(due, default=None)
