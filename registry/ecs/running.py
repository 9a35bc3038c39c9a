"""The process that runs containers: one agent, and what tells it of its tasks.

It looks whenever something was written, and once a second anyway; all it does can be done again,
so it may be killed at any moment.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Protocol

from registry.ecs.control import instances
from registry.values.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from registry.database.database import Database
    from registry.ecs.control.dispatching import Dispatcher
    from registry.ecs.control.states import States
    from registry.ecs.protocol import ContainerStateChange, Instance, TaskStateChange

LOOK_SECONDS = 0.1
"""How often it asks whether something was written: one `PRAGMA data_version`."""
TURN_SECONDS = 1.0
PURGE_SECONDS = 60.0

_log = logging.getLogger("moorage.ecs")


class Plane:
    """The control plane, as the local agent has it: the rows themselves."""

    def __init__(self, database: Database, states: States) -> None:
        self._database = database
        self._states = states

    def register(self, instance: Instance) -> str:
        """See protocol.ControlPlane; the engine is in every cluster, so it has no one ARN."""
        with self._database.write() as connection:
            instances.keep_local(connection, instance)
        return instances.LOCAL

    def submit_task(self, change: TaskStateChange) -> None:
        """See protocol.ControlPlane."""
        self._states.submit_task(change)

    def submit_container(self, change: ContainerStateChange) -> None:
        """See protocol.ControlPlane."""
        self._states.submit_container(change)

    def heartbeat(self, *, connected: bool) -> None:
        """See protocol.ControlPlane."""
        with self._database.read() as connection:
            if instances.is_connected(connection) == connected:
                return
        with self._database.write() as connection:
            instances.set_connected(connection, connected=connected)


class Runner(Protocol):
    """An agent with a beginning and an end."""

    def start(self) -> None:
        """Take over what runs. Raises Taken where another process has done so."""
        ...

    def close(self) -> None:
        """Stop working; containers run on."""
        ...


class Running:
    """Everything that goes on by itself: dispatching, and what else is given as steps."""

    def __init__(
        self,
        database: Database,
        agent: Runner,
        dispatcher: Dispatcher,
        taken: type[Exception],
        steps: Sequence[Callable[[], object]] = (),
    ) -> None:
        """`taken` is what `agent.start` raises where another process runs it already; `steps`
        are done at each turn, before the agent is told."""
        self._database = database
        self._agent = agent
        self._dispatcher = dispatcher
        self._taken = taken
        self._steps = steps

    def run(self, stop: threading.Event) -> None:
        """Until told to stop; at once back where another process does it."""
        try:
            self._agent.start()
        except self._taken:
            return
        watch = self._database.watch()
        try:
            self._turns(stop, lambda: _version(watch.cursor()))
        finally:
            watch.close()
            self._agent.close()

    def _turns(self, stop: threading.Event, version: Callable[[], int]) -> None:
        purged = turned = 0.0
        seen = None
        while not stop.is_set():
            now, current = time.monotonic(), version()
            if current != seen or now - turned >= TURN_SECONDS:
                seen, turned = current, now
                self._turn()
            if now - purged >= PURGE_SECONDS:
                purged = now
                self._safely(self._dispatcher.purge)
            stop.wait(LOOK_SECONDS)

    def _turn(self) -> None:
        for step in self._steps:
            self._safely(step)
        self._safely(self._dispatcher.step)

    @staticmethod
    def _safely(step: Callable[[], object]) -> None:
        try:
            step()
        except Unavailable as error:
            _log.warning("ECS: %s; it goes on later", error)
        except Exception:  # noqa: BLE001 - one bad row must not end the care for all others
            _log.exception("a step of ECS failed; it is tried again")


def _version(cursor: object) -> int:
    return int(cursor.execute("PRAGMA data_version").fetchone()[0])  # type: ignore[attr-defined]  # a DBAPI cursor, which SQLAlchemy leaves untyped
