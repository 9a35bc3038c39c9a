"""Creating containers: all that must be there first is gathered, and what is there already,
left by a run that was cut off, is taken over."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from registry.ecs.agent import limits
from registry.ecs.agent.bench import Bench
from registry.ecs.agent.collaborators import Entry as Surrounding
from registry.ecs.agent.collaborators import Unavailable
from registry.ecs.agent.definition import PAUSE, Task, network_mode
from registry.ecs.agent.engine import EngineMissing, EngineRefused
from registry.ecs.agent.journal import Entry
from registry.ecs.agent.names import AGENT
from registry.ecs.agent.networks import AwsvpcNetwork, NoSubnet
from registry.ecs.agent.pause import NoPauseProgram, ensure_pause_image
from registry.ecs.agent.shaping import Shape, configuration, pause_configuration


class Creating:
    """Creates the containers of tasks."""

    def __init__(self, bench: Bench, network: AwsvpcNetwork) -> None:
        self._engine = bench.engine
        self._names = bench.names
        self._settings = bench.settings
        self._volumes = bench.volumes
        self._cgroups = bench.cgroups
        self._others = bench.others
        self._network = network
        self._lock = threading.Lock()
        self._information: Mapping[str, Any] = {}

    def pause_image(self) -> str:
        """The name of the image that holds name spaces; it is here when this returns."""
        with self._lock:
            if not self._settings.pause_image:
                return ensure_pause_image(self._engine)
        name = self._settings.pause_image
        if self._engine.image(name) is None:
            for line in self._engine.pull(name, {}):
                if "error" in line:
                    raise EngineRefused(404, str(line["error"]))
        return name

    def create(self, task: Task, entry: Entry, name: str) -> str:
        """The id of the container, created now or before.

        Raises Unavailable, and what the engine raises.
        """
        container = self._names.container(entry.payload, name)
        try:
            wanted = self._wanted(task, entry, name)
        except (NoSubnet, NoPauseProgram) as error:
            raise Unavailable(str(error)) from error
        try:
            return self._engine.create(container, wanted)
        except EngineRefused as error:
            found = self._engine.inspect(container) if error.status == 409 else None
            if found and (found["Config"].get("Labels") or {}).get(AGENT) == self._names.agent:
                return str(found["Id"])
            raise

    def _wanted(self, task: Task, entry: Entry, name: str) -> dict[str, Any]:
        payload, image = entry.payload, entry.record(name).image
        if image is None:
            raise EngineMissing(404, "no image has been pulled")
        parent = self._cgroups.parent(payload)
        shape = Shape(
            payload=payload,
            definition=task.containers[name].raw,
            image=image,
            names=self._names,
            settings=self._settings,
            cores=self._cores(),
            pause=self._pause_id(task, entry),
            cgroup_parent=parent,
            siblings={one: self._names.container(payload, one) for one in task.containers},
        )
        if name == PAUSE:
            return self._pause(shape)
        return self._own(shape)

    def _pause(self, shape: Shape) -> dict[str, Any]:
        shared = network_mode(shape.payload) == "awsvpc"
        if not shared:
            return pause_configuration(shape, "none")
        around = self._others.surroundings.enter(shape.payload, PAUSE)
        return pause_configuration(replace(shape, entry=around), self._network.ensure())

    def _own(self, shape: Shape) -> dict[str, Any]:
        payload, definition = shape.payload, shape.definition
        limits.check_gpus(definition, self._known_information())
        found = replace(
            shape,
            resolved=self._others.secrets.resolve(payload, definition),
            entry=self._others.surroundings.enter(payload, definition["name"]),
            binds=self._volumes.binds(payload, definition),
        )
        return configuration(found)

    def _pause_id(self, task: Task, entry: Entry) -> str | None:
        return entry.record(PAUSE).runtime_id if task.pause else None

    def _cores(self) -> int:
        return int(self._known_information().get("NCPU") or 1)

    def _known_information(self) -> Mapping[str, Any]:
        if not self._information:
            self._information = self._engine.information()
        return self._information

    def connect(self, entry: Entry, name: str, runtime_id: str) -> None:
        """Join the further networks that stand around a container; joined already, nothing
        happens. Raises what the engine raises."""
        for network in self._surrounding(entry, name).networks:
            self._engine.connect(runtime_id, network)

    def _surrounding(self, entry: Entry, name: str) -> Surrounding:
        mode = network_mode(entry.payload)
        holds = name == PAUSE if mode == "awsvpc" else mode == "bridge" and name != PAUSE
        if not holds:
            return Surrounding()
        return self._others.surroundings.enter(entry.payload, name)
