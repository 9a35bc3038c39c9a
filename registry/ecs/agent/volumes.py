"""Volumes: host folders, volumes of the engine, and shared file systems.

Sources: API reference, Volume; amazon-ecs-agent `agent/api/task/task.go` (binds, task-scoped
volumes) and `agent/taskresource/volume`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from registry.ecs.agent.collaborators import Unavailable
from registry.ecs.agent.engine import Engine, EngineMissing, EngineRefused
from registry.ecs.agent.names import AGENT, TASK_ARN, Names
from registry.ecs.protocol import TaskPayload


class Volumes:
    """Makes the volumes of tasks, and removes those that live as long as their task.

    `shared` is the folder that stands for file systems of EFS, one folder for each.
    """

    def __init__(self, engine: Engine, names: Names, shared: Path) -> None:
        self._engine = engine
        self._names = names
        self._shared = shared

    def binds(self, payload: TaskPayload, definition: Mapping[str, Any]) -> list[str]:
        """`HostConfig.Binds` of a container, whose volumes are there afterwards.

        Raises Unavailable where one cannot be made.
        """
        volumes = {one["name"]: one for one in payload.definition.get("volumes") or ()}
        found = []
        for point in definition.get("mountPoints") or ():
            source = self._source(payload, volumes[point["sourceVolume"]])
            options = ":ro" if point.get("readOnly") else ""
            found.append(f"{source}:{point['containerPath']}{options}")
        return found

    def _source(self, payload: TaskPayload, volume: Mapping[str, Any]) -> str:
        path = (volume.get("host") or {}).get("sourcePath")
        if path:
            if payload.launch_type == "FARGATE":
                raise Unavailable(f"volume [{volume['name']}]: host paths do not exist on Fargate")
            return str(path)
        if "efsVolumeConfiguration" in volume:
            return self._file_system(payload, volume)
        if "dockerVolumeConfiguration" in volume:
            return self._docker(payload, volume)
        for kind in ("fsxWindowsFileServerVolumeConfiguration", "s3filesVolumeConfiguration"):
            if kind in volume:
                raise Unavailable(f"volume [{volume['name']}]: {kind} is not offered here")
        return self._of_task(payload, volume["name"], {})

    def _docker(self, payload: TaskPayload, volume: Mapping[str, Any]) -> str:
        settings = volume["dockerVolumeConfiguration"]
        if settings.get("scope") != "shared":
            return self._of_task(payload, volume["name"], settings)
        name = str(volume["name"])
        if settings.get("autoprovision"):
            self._create(name, settings, {})
        elif not self._exists(name):
            raise Unavailable(f"volume [{name}] does not exist and is not to be provisioned")
        return name

    def _of_task(self, payload: TaskPayload, volume: str, settings: Mapping[str, Any]) -> str:
        name = self._names.volume(payload, volume)
        labels = {AGENT: self._names.agent, TASK_ARN: payload.arn}
        self._create(name, settings, labels)
        return name

    def _file_system(self, payload: TaskPayload, volume: Mapping[str, Any]) -> str:
        settings = volume["efsVolumeConfiguration"]
        root = self._shared / settings["fileSystemId"]
        folder = (root / str(settings.get("rootDirectory") or "/").strip("/")).resolve()
        if not folder.is_relative_to(root.resolve()):
            raise Unavailable(f"volume [{volume['name']}]: the root directory leads outside")
        folder.mkdir(parents=True, exist_ok=True)
        options = {"type": "none", "o": "bind", "device": str(folder)}
        return self._of_task(payload, volume["name"], {"driverOpts": options})

    def _create(self, name: str, settings: Mapping[str, Any], labels: Mapping[str, str]) -> None:
        try:
            self._engine.call(
                lambda client: client.create_volume(
                    name,
                    driver=settings.get("driver") or "local",
                    driver_opts=dict(settings.get("driverOpts") or {}),
                    labels={**(settings.get("labels") or {}), **labels},
                )
            )
        except EngineRefused as error:
            raise Unavailable(f"failed to create volume [{name}]: {error}") from error

    def _exists(self, name: str) -> bool:
        try:
            self._engine.call(lambda client: client.inspect_volume(name))
        except EngineMissing:
            return False
        return True

    def remove(self, task_arn: str) -> None:
        """Remove the volumes that lived as long as this task. Raises what the engine raises."""
        filters = {"label": [f"{TASK_ARN}={task_arn}", self._names.mine]}
        listed = self._engine.call(lambda client: client.volumes(filters=filters))
        for volume in listed["Volumes"] or ():
            self._remove_one(volume["Name"])

    def _remove_one(self, name: str) -> None:
        try:
            self._engine.call(lambda client: client.remove_volume(name))
        except EngineMissing:
            return
