"""The agent of the Docker Engine on this machine."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from registry.ecs.agent.bench import Bench
from registry.ecs.agent.cgroups import Cgroups
from registry.ecs.agent.cleaning import Cleaning
from registry.ecs.agent.collaborators import Collaborators, Logs, Puller, Secrets, Surroundings
from registry.ecs.agent.creating import Creating
from registry.ecs.agent.definition import read_task
from registry.ecs.agent.engine import Engine
from registry.ecs.agent.instance import describe
from registry.ecs.agent.journal import Journal
from registry.ecs.agent.looking import Busy, Looking
from registry.ecs.agent.names import Names
from registry.ecs.agent.networks import AwsvpcNetwork
from registry.ecs.agent.pulling import Pulling
from registry.ecs.agent.reconciling import Pools, Reconciler
from registry.ecs.agent.reporting import Reporter
from registry.ecs.agent.settings import AgentSettings
from registry.ecs.agent.steps import Steps
from registry.ecs.agent.threads import Pool, Timetable
from registry.ecs.agent.volumes import Volumes
from registry.ecs.agent.watching import Heart, Ticking, Watching
from registry.ecs.protocol import ControlPlane, RoleCredentials, TaskPayload
from registry.ecs.statuses import DesiredStatus

CLOSE_SECONDS = 5.0
_log = logging.getLogger(__name__)


class EngineTaken(Exception):
    """Another process of this server runs the agent already."""


class LocalAgent:
    """Runs tasks on the engine at `engine_url`; what it must remember is in `folder`.

    One process at a time: `start` takes a lock in the folder, which ends with the process.
    """

    def __init__(
        self,
        *,
        engine_url: str,
        folder: Path,
        control_plane: ControlPlane,
        puller: Puller,
        secrets: Secrets,
        surroundings: Surroundings,
        logs: Logs,
        settings: AgentSettings | None = None,
    ) -> None:
        self._folder = folder
        self._control_plane = control_plane
        self._settings = settings or AgentSettings()
        self._others = Collaborators(puller, secrets, surroundings, logs)
        self._lock: int | None = None
        self.engine = Engine(engine_url)
        self.instance_arn: str | None = None

    def start(self) -> None:
        """Take over what runs, and go on. Raises EngineTaken; an engine that does not answer
        yet is waited for in the background."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = _take(self._folder / "engine.lock")
        self._compose()
        for entry in filter(None, map(self._journal.entry, self._journal.arns())):
            if entry.state.stopped_at is None:
                self._others.surroundings.know(entry.payload)
        self._timetable.start()
        self._watching.start()
        for ticking in self._tickings:
            ticking.start()
        self._slow.submit(self._follow_again)

    def close(self) -> None:
        """Stop working. Containers run on, and the next start takes them over."""
        if self._lock is None:
            return
        for ticking in self._tickings:
            ticking.close()
        self._watching.close()
        self._timetable.close()
        for pool in (self._turns, self._quick, self._create, self._slow):
            pool.close(CLOSE_SECONDS)
        self.engine.close()
        self._journal.close()
        os.close(self._lock)
        self._lock = None

    def accept(self, tasks: Sequence[TaskPayload]) -> None:
        """See protocol.Agent."""
        self._journal.keep([self._merged(payload) for payload in tasks])
        for payload in tasks:
            self._know(payload.arn)
            self._timetable.wake(payload.arn)

    def refresh(self, task_arn: str, credentials: RoleCredentials) -> None:
        """See protocol.Agent."""
        entry = self._journal.entry(task_arn)
        if entry is None:
            return
        changes: dict[str, Any] = {
            member: credentials
            for member in ("task_credentials", "execution_credentials")
            if (older := getattr(entry.payload, member)) and older.id == credentials.id
        }
        if changes:
            self._journal.keep([replace(entry.payload, **changes)])
            self._know(task_arn)

    def forget(self, task_arns: Sequence[str]) -> None:
        """See protocol.Agent."""
        for arn in task_arns:
            self._journal.note(arn, forgotten=True)
            self._timetable.wake(arn)

    @property
    def id(self) -> str:
        """What this agent marks its containers and volumes with."""
        return self._journal.agent_id

    def tasks(self) -> list[str]:
        """The ARNs of all tasks that it knows, stopped ones too until their traces are gone."""
        return self._journal.arns()

    def inspect(self, task_arn: str) -> Mapping[str, Mapping[str, Any]]:
        """What the engine shows of a task's containers, by their names; empty for a task that
        is not known. Raises what the engine raises."""
        entry = self._journal.entry(task_arn)
        if entry is None:
            return {}
        names = read_task(entry.payload).containers
        shown = {name: self._engine_name(entry.payload, name) for name in names}
        found = {name: self.engine.inspect(one) for name, one in shown.items()}
        return {name: one for name, one in found.items() if one}

    def _engine_name(self, payload: TaskPayload, name: str) -> str:
        return self._names.container(payload, name)

    def _merged(self, payload: TaskPayload) -> TaskPayload:
        """A known task keeps its definition, and once it is to stop, it stays so."""
        entry = self._journal.entry(payload.arn)
        if entry is None:
            return payload
        older = entry.payload
        stopped = DesiredStatus.STOPPED in (older.desired_status, payload.desired_status)
        return replace(
            older,
            desired_status=DesiredStatus.STOPPED if stopped else DesiredStatus.RUNNING,
            tags=payload.tags,
            task_credentials=payload.task_credentials or older.task_credentials,
            execution_credentials=payload.execution_credentials or older.execution_credentials,
        )

    def _know(self, task_arn: str) -> None:
        entry = self._journal.entry(task_arn)
        if entry is not None and entry.state.stopped_at is None:
            self._others.surroundings.know(entry.payload)

    def _compose(self) -> None:
        settings, engine = self._settings, self.engine
        self._journal = Journal(self._folder / "agent.db")
        self._names = Names(self._journal.agent_id)
        bench = Bench(
            engine=engine,
            journal=self._journal,
            names=self._names,
            settings=settings,
            volumes=Volumes(engine, self._names, self._folder / "efs"),
            cgroups=Cgroups(engine.information),
            others=self._others,
        )
        pulling = Pulling(engine, self._others.puller, settings)
        self._steps = Steps(bench, pulling, Creating(bench, AwsvpcNetwork(engine, settings)))
        self._cleaning = Cleaning(bench)
        self._reconciler = Reconciler(
            bench,
            Looking(engine, self._journal, self._names, Busy()),
            self._steps,
            self._cleaning,
            Reporter(self._control_plane),
        )
        self._schedule()

    def _schedule(self) -> None:
        settings = self._settings
        self._quick = Pool("agent-quick", settings.step_threads)
        self._create = Pool("agent-create", settings.create_threads)
        self._slow = Pool("agent-slow", settings.slow_threads)
        self._turns = Pool("agent-turn", settings.step_threads)
        self._timetable = Timetable(self._reconciler.turn, self._turns)
        wake = self._timetable.wake
        pools = Pools(self._quick.submit, self._create.submit, self._slow.submit)
        self._reconciler.connect(wake, pools)
        self._watching = Watching(self.engine, self._names.mine, wake, self._wake_all)
        heart = Heart(self.engine, self._control_plane, self._register)
        self._tickings = (
            Ticking("agent-tick", settings.tick_seconds, self._tick),
            Ticking("agent-heart", settings.heartbeat_seconds, heart.beat),
        )

    def _register(self) -> None:
        instance = describe(
            self.engine.information(), self.engine.version(), self._settings.cluster
        )
        self.instance_arn = self._control_plane.register(instance)

    def _wake_all(self) -> None:
        for arn in self._journal.arns():
            self._timetable.wake(arn)

    def _tick(self) -> None:
        self._wake_all()
        self._cleaning.remove_strangers()

    def _follow_again(self) -> None:
        for entry in filter(None, map(self._journal.entry, self._journal.arns())):
            if entry.state.stopped_at is None:
                self._steps.follow_again(read_task(entry.payload), entry)


def _take(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise EngineTaken("another process of this server runs the agent") from error
    return descriptor
