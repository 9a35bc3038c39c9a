"""One turn of a task: look, decide, write down, do, tell."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass

from registry.ecs.agent.bench import Bench
from registry.ecs.agent.cleaning import Cleaning
from registry.ecs.agent.deciding import Act, Cause, Decision, Finish, Step, decide, task_status
from registry.ecs.agent.definition import PAUSE, Task, read_task
from registry.ecs.agent.engine import EngineDown, EngineTimeout
from registry.ecs.agent.journal import Entry
from registry.ecs.agent.looking import Look, Looking
from registry.ecs.agent.networks import interface_of
from registry.ecs.agent.reporting import Reporter, state_of
from registry.ecs.agent.steps import Steps
from registry.ecs.agent.threads import Job
from registry.ecs.statuses import DesiredStatus, TaskStatus

ENGINE_DOWN_SECONDS = 2.0
REPORT_AGAIN_SECONDS = 2.0
FAILURES = 5
"""So often a step may fail in a way that nobody foresaw; then its container fails."""
CLEANING = "~cleaning"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pools:
    """Where steps are done: pulls and cleaning wait for other machines, creating may wait for
    secrets, and nothing else waits for them."""

    quick: Callable[[Job], None]
    create: Callable[[Job], None]
    slow: Callable[[Job], None]


class Reconciler:
    """Brings tasks, turn by turn, to where they are meant to be."""

    def __init__(
        self,
        bench: Bench,
        looking: Looking,
        steps: Steps,
        cleaning: Cleaning,
        reporter: Reporter,
    ) -> None:
        self._journal = bench.journal
        self._settings = bench.settings
        self._surroundings = bench.others.surroundings
        self._clock = bench.clock
        self._looking = looking
        self._busy = looking.busy
        self._steps = steps
        self._cleaning = cleaning
        self._reporter = reporter
        self._failures: Counter[tuple[str, Step]] = Counter()
        self._wake: Callable[[str, float], None] = _nobody
        self._pools = Pools(_at_once, _at_once, _at_once)

    def connect(self, wake: Callable[[str, float], None], pools: Pools) -> None:
        """What gives a task its next turn, and where steps are done."""
        self._wake, self._pools = wake, pools

    def turn(self, arn: str) -> float | None:
        """One turn. The seconds until the next one is due, if nothing happens before."""
        entry = self._journal.entry(arn)
        if entry is None:
            self._reporter.forget(arn)
            return None
        task = read_task(entry.payload, self._settings.stop_seconds)
        if entry.state.stopped_at is not None:
            return self._after(task, entry)
        try:
            return self._advance(task)
        except (EngineDown, EngineTimeout) as error:
            _log.info("the engine does not answer: %s", error)
            return ENGINE_DOWN_SECONDS

    def _advance(self, task: Task) -> float | None:
        while look := self._looking.look(task):
            if self._adopted(task, look):
                continue
            stopping = is_stopping(look.entry)
            decision = decide(task, look.known, stopping=stopping, now=self._clock())
            if not self._written(task, look, decision):
                return self._act(task, look, decision, stopping=stopping)
        return None

    def _adopted(self, task: Task, look: Look) -> bool:
        """Whether containers were found that a run made which was cut off before it could say so:
        from now on the journal knows them."""
        found = {
            name: one.seen.id
            for name, one in look.known.items()
            if one.seen and not one.busy and one.record.runtime_id != one.seen.id
        }
        for name, runtime_id in found.items():
            self._journal.record(task.arn, name, runtime_id=runtime_id)
        return bool(found)

    def _written(self, task: Task, look: Look, decision: Decision) -> bool:
        for finish in decision.finishes:
            self._finish(task, look, finish)
        if decision.cause:
            self._stop(task, decision.cause)
        return bool(decision.finishes or decision.cause)

    def _finish(self, task: Task, look: Look, finish: Finish) -> None:
        known = look.known[finish.container]
        ended = known.seen.finished_at if known.seen else None
        began = bool(known.seen and known.seen.started_at)
        at = ended or self._clock()
        essential = task.containers[finish.container].essential and finish.container != PAUSE
        if essential and began and look.entry.state.execution_stopped_at is None:
            self._journal.note(task.arn, execution_stopped_at=at)
        self._journal.record(
            task.arn,
            finish.container,
            finished=True,
            exit_code=finish.exit_code,
            reason=finish.reason,
            started=known.record.started or began,
            runtime_id=known.record.runtime_id or (known.seen.id if known.seen else None),
            finished_at=at,
        )

    def _stop(self, task: Task, cause: Cause) -> None:
        _log.info("task %s stops: %s", task.arn, cause.reason)
        self._journal.note(task.arn, stop_code=cause.code, stop_reason=cause.reason)

    def _act(self, task: Task, look: Look, decision: Decision, *, stopping: bool) -> float | None:
        entry = self._interface(task, look)
        status = task_status(task, look.known, stopping=stopping)
        for step in decision.steps:
            self._begin(task, entry, step)
        change = state_of(task, entry, look.known, look.shown, stopping=stopping)
        told = self._reporter.report(change)
        if told and status is TaskStatus.STOPPED:
            stopped = self._journal.note(task.arn, stopped_at=self._clock())
            self._surroundings.leave(task.arn)
            return self._after(task, stopped) if stopped else None
        due = [] if decision.look_at is None else [max(0.0, decision.look_at - self._clock())]
        if not told:
            due.append(REPORT_AGAIN_SECONDS)
        return min(due, default=None)

    def _interface(self, task: Task, look: Look) -> Entry:
        if look.entry.state.interface is None and PAUSE in look.shown:
            found = interface_of(look.shown[PAUSE])
            if found:
                return self._journal.note(task.arn, interface=asdict(found)) or look.entry
        return look.entry

    def _begin(self, task: Task, entry: Entry, step: Step) -> None:
        self._busy.begin(task.arn, step.container)
        pools = {Act.PULL: self._pools.slow, Act.CREATE: self._pools.create}
        pools.get(step.act, self._pools.quick)(lambda: self._do(task, entry, step))

    def _do(self, task: Task, entry: Entry, step: Step) -> None:
        after = 0.0
        try:
            self._steps.do(task, entry, step)
            self._failures.pop((task.arn, step), None)
        except (EngineDown, EngineTimeout) as error:
            _log.info("%s of %s: the engine does not answer: %s", step.act, task.arn, error)
            after = ENGINE_DOWN_SECONDS
        except Exception as error:  # noqa: BLE001 (of a collaborator; the step is decided anew)
            _log.exception("%s of %s in %s", step.act, step.container, task.arn)
            self._failed(task, step, error)
            after = self._settings.failure_seconds
        finally:
            self._busy.end(task.arn, step.container)
            self._wake(task.arn, after)

    def _failed(self, task: Task, step: Step, error: Exception) -> None:
        self._failures[task.arn, step] += 1
        if self._failures[task.arn, step] >= FAILURES:
            del self._failures[task.arn, step]
            self._steps.give_up(task, step, str(error) or type(error).__name__)

    def _after(self, task: Task, entry: Entry) -> float | None:
        """A stopped task: clean up after it in time, and forget it when all know of it."""
        due = self._cleaning.due(task, entry)
        if due is None:
            if entry.state.forgotten:
                self._journal.drop(task.arn)
                self._reporter.forget(task.arn)
            return None
        if due > 0:
            return due
        if CLEANING not in self._busy.of(task.arn):
            self._busy.begin(task.arn, CLEANING)
            self._pools.slow(lambda: self._clean(task, entry))
        return None

    def _clean(self, task: Task, entry: Entry) -> None:
        after = ENGINE_DOWN_SECONDS
        try:
            self._cleaning.clean(task, entry)
            after = 0.0
        except (EngineDown, EngineTimeout) as error:
            _log.info("cleaning after %s: the engine does not answer: %s", task.arn, error)
        finally:
            self._busy.end(task.arn, CLEANING)
            self._wake(task.arn, after)


def is_stopping(entry: Entry) -> bool:
    """Whether a task is to stop: it was asked to, or has found a reason itself."""
    asked = entry.payload.desired_status is DesiredStatus.STOPPED
    return asked or entry.state.stop_code is not None


def _at_once(job: Job) -> None:
    job()


def _nobody(_arn: str, _after: float) -> None:
    """Before it is connected, a reconciler wakes nobody."""
