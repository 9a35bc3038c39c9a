"""Hearing what happens on the engine: its events, its coming and going, and a slow tick."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from docker.types import CancellableStream

from registry.ecs.agent.engine import Engine, EngineDown, EngineRefused, EngineTimeout
from registry.ecs.agent.names import TASK_ARN
from registry.ecs.protocol import ControlPlane

EVENTS = ("create", "start", "die", "oom", "health_status", "destroy", "pause", "unpause")
RECONNECT_SECONDS = 1.0
_log = logging.getLogger(__name__)


class Watching:
    """Wakes tasks of which the engine reports something, and all of them when it comes back."""

    def __init__(
        self, engine: Engine, label: str, wake: Callable[[str], None], wake_all: Callable[[], None]
    ) -> None:
        self._engine = engine
        self._label = label
        self._wake = wake
        self._wake_all = wake_all
        self._closed = threading.Event()
        self._stream: CancellableStream[dict[str, Any]] | None = None
        self._thread = threading.Thread(target=self._run, name="agent-events", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._closed.set()
        if self._stream is not None:
            self._stream.close()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._stream = self._engine.events(self._label, EVENTS)
                self._wake_all()
                for event in self._stream:
                    attributes = event.get("Actor", {}).get("Attributes", {})
                    if TASK_ARN in attributes:
                        self._wake(attributes[TASK_ARN])
            except (EngineDown, EngineTimeout, EngineRefused) as error:
                _log.info("no events from the engine: %s", error)
            except Exception as error:  # noqa: BLE001 (however a stream breaks, there is a next one)
                _log.info("the stream of the engine's events broke: %r", error)
            self._closed.wait(RECONNECT_SECONDS)


class Ticking:
    """Does something again and again on a thread of its own; a failure does not end it."""

    def __init__(self, name: str, seconds: float, action: Callable[[], None]) -> None:
        self._seconds = seconds
        self._action = action
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Do it now, and from now on."""
        self._thread.start()

    def close(self) -> None:
        """Do it no more."""
        self._closed.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._action()
            except (EngineDown, EngineTimeout) as error:
                _log.info("the engine does not answer: %s", error)
            except Exception:  # noqa: BLE001 (it is done again)
                _log.exception("%s failed", self._thread.name)
            self._closed.wait(self._seconds)


class Heart:
    """Registers the agent as soon as its engine answers, and says from then on that it lives."""

    def __init__(
        self, engine: Engine, control_plane: ControlPlane, register: Callable[[], None]
    ) -> None:
        self._engine = engine
        self._control_plane = control_plane
        self._register = register
        self._registered = False

    def beat(self) -> None:
        """One beat."""
        try:
            self._engine.version()
        except (EngineDown, EngineTimeout, EngineRefused):
            self._control_plane.heartbeat(connected=False)
            return
        if not self._registered:
            self._register()
            self._registered = True
        self._control_plane.heartbeat(connected=True)
