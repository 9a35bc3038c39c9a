"""Doing what was decided. Each step may be cut off anywhere and done again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from registry.ecs.agent import reasons
from registry.ecs.agent.bench import Bench
from registry.ecs.agent.collaborators import Unavailable
from registry.ecs.agent.creating import Creating
from registry.ecs.agent.deciding import Act, Step
from registry.ecs.agent.definition import Task
from registry.ecs.agent.engine import EngineMissing, EngineRefused, EngineTimeout
from registry.ecs.agent.facts import moment
from registry.ecs.agent.journal import Entry
from registry.ecs.agent.pulling import CannotPull, Pulling
from registry.ecs.agent.shaping import SHIPPED

_log = logging.getLogger(__name__)


class Steps:
    """Does steps, and writes down what came of them."""

    def __init__(self, bench: Bench, pulling: Pulling, creating: Creating) -> None:
        self._engine = bench.engine
        self._journal = bench.journal
        self._names = bench.names
        self._others = bench.others
        self._clock = bench.clock
        self._pulling = pulling
        self._creating = creating
        self._does: Mapping[Act, Callable[[Task, Entry, str], None]] = {
            Act.PULL: self._pull,
            Act.CREATE: self._create,
            Act.START: self._start,
            Act.RESTART: self._restart,
            Act.SIGNAL: self._signal,
            Act.KILL: self._kill,
        }

    def do(self, task: Task, entry: Entry, step: Step) -> None:
        """Do one step. Raises EngineDown, after which it is decided anew."""
        self._does[step.act](task, entry, step.container)

    def _fail(self, task: Task, name: str, reason: str) -> None:
        _log.warning("container %s of %s: %s", name, task.arn, reason)
        self._journal.record(task.arn, name, failure=reason)

    def give_up(self, task: Task, step: Step, error: str) -> None:
        """A step fails whatever is done: its container fails with it. One that is to be stopped
        is not given up."""
        tells = {Act.PULL: reasons.cannot_pull, Act.CREATE: reasons.cannot_create}
        if step.act not in (Act.SIGNAL, Act.KILL):
            self._fail(task, step.container, tells.get(step.act, reasons.cannot_start)(error))

    def _pull(self, task: Task, entry: Entry, name: str) -> None:
        container = task.containers[name]
        try:
            if container.internal:
                self._journal.record(task.arn, name, image=self._creating.pause_image())
                return
            if entry.state.pull_started_at is None:
                self._journal.note(task.arn, pull_started_at=self._clock())
            digest = entry.record(name).digest
            pulled = self._pulling.pull(entry.payload, container.raw, digest)
            self._journal.record(task.arn, name, image=pulled.image, digest=pulled.digest)
            self._journal.note(task.arn, pull_stopped_at=self._clock())
        except (CannotPull, EngineRefused, EngineTimeout) as error:
            self._journal.note(task.arn, pull_stopped_at=self._clock())
            self._fail(task, name, reasons.cannot_pull(str(error)))

    def _create(self, task: Task, entry: Entry, name: str) -> None:
        try:
            runtime_id = self._creating.create(task, entry, name)
        except Unavailable as error:
            self._fail(task, name, reasons.cannot_initialize(str(error)))
        except EngineTimeout:
            self._fail(task, name, reasons.timed_out("created", "4m0s"))
        except EngineMissing as error:
            if "image" not in error.message.lower():
                self._fail(task, name, reasons.cannot_create(str(error)))
                return
            # Someone removed it since: by its digest it is pulled once more.
            self._journal.record(task.arn, name, image=None)
        except EngineRefused as error:
            self._fail(task, name, reasons.cannot_create(str(error)))
        else:
            self._journal.record(task.arn, name, runtime_id=runtime_id)

    def _start(self, task: Task, entry: Entry, name: str) -> None:
        runtime_id = self._runtime(entry, name)
        try:
            self._creating.connect(entry, name, runtime_id)
            self._follow(task, entry, name, runtime_id)
            self._engine.start(runtime_id)
        except Unavailable as error:
            self._fail(task, name, reasons.cannot_start(str(error)))
        except EngineTimeout:
            self._fail(task, name, reasons.timed_out("started", "3m0s"))
        except EngineRefused as error:
            self._fail(task, name, reasons.cannot_start(str(error)))
        else:
            self._journal.record(task.arn, name, started=True)

    def _follow(self, task: Task, entry: Entry, name: str, runtime_id: str) -> None:
        logs = task.containers[name].raw.get("logConfiguration") or {}
        if logs.get("logDriver") == SHIPPED:
            options = logs.get("options") or {}
            self._others.logs.follow(entry.payload, name, runtime_id, options)

    def follow_again(self, task: Task, entry: Entry) -> None:
        """After a restart of the agent: the output of what runs is carried away again."""
        for name in task.containers:
            record = entry.record(name)
            if record.started and not record.finished and record.runtime_id:
                try:
                    self._follow(task, entry, name, record.runtime_id)
                except Unavailable as error:
                    _log.warning("logs of %s of %s: %s", name, task.arn, error)

    def _restart(self, task: Task, entry: Entry, name: str) -> None:
        shown = self._engine.inspect(self._runtime(entry, name))
        if shown is None:
            return
        began = moment(shown["State"].get("StartedAt"))
        record = entry.record(name)
        if began != record.restarted_from:
            self._journal.record(task.arn, name, restarted_from=began, restarts=record.restarts + 1)
        self._start(task, entry, name)

    def _signal(self, task: Task, entry: Entry, name: str) -> None:
        runtime_id = self._runtime(entry, name)
        shown = self._engine.inspect(runtime_id)
        if shown is None:
            return
        if shown["State"].get("Paused"):
            self._engine.unpause(runtime_id)
        signal = (shown.get("Config") or {}).get("StopSignal") or "SIGTERM"
        # The signal goes first: cut off in between, it is sent twice, and never not at all.
        self._send(task, runtime_id, signal)
        stop_by = self._clock() + task.containers[name].stop_timeout
        self._journal.record(task.arn, name, stop_by=stop_by)

    def _kill(self, task: Task, entry: Entry, name: str) -> None:
        self._send(task, self._runtime(entry, name), "SIGKILL")

    def _send(self, task: Task, runtime_id: str, signal: str) -> None:
        try:
            self._engine.signal(runtime_id, signal)
        except (EngineRefused, EngineTimeout) as error:
            _log.warning("%s for %s of %s: %s", signal, runtime_id, task.arn, error)

    def _runtime(self, entry: Entry, name: str) -> str:
        found: str | None = entry.record(name).runtime_id
        return found or self._names.container(entry.payload, name)
