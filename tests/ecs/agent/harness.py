"""An agent on a real engine, with a control plane that writes down what it is told."""

from __future__ import annotations

import signal
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import docker

from registry.ecs.agent.collaborators import Entry, PullSource, Resolved, Unavailable
from registry.ecs.agent.local import LocalAgent
from registry.ecs.agent.settings import AgentSettings
from registry.ecs.protocol import ContainerStateChange, Instance, TaskPayload, TaskStateChange
from registry.ecs.statuses import ContainerStatus, DesiredStatus, TaskStatus

SECONDS = 60
BUSYBOX = "/bin/busybox"
SHELL = (BUSYBOX, "sh", "-c")
STAYS = "trap 'exit 0' TERM; while :; do /bin/busybox sleep 0.1; done"
"""Runs until it is asked to stop."""


def shell(script: str) -> list[str]:
    """The command of a container that runs a script (the image's entry point is busybox)."""
    return ["sh", "-c", script]


@dataclass
class Plane:
    """A control plane: the last state of each task, and all that it was told."""

    tasks: dict[str, TaskStateChange] = field(default_factory=dict)
    told: list[TaskStateChange | ContainerStateChange] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)
    beats: list[bool] = field(default_factory=list)
    failures: int = 0
    """So many of the next reports it does not take."""
    changed: threading.Condition = field(default_factory=threading.Condition)

    def register(self, instance: Instance) -> str:
        with self.changed:
            self.instances.append(instance)
            self.changed.notify_all()
        return "arn:aws:ecs:us-east-1:123456789012:container-instance/demo/1"

    def heartbeat(self, *, connected: bool) -> None:
        with self.changed:
            self.beats.append(connected)
            self.changed.notify_all()

    def submit_task(self, change: TaskStateChange) -> None:
        with self.changed:
            if self.failures:
                self.failures -= 1
                raise ConnectionError("the control plane is away")
            self.told.append(change)
            before = self.tasks.get(change.task_arn)
            assert before is None or not change.status.before(before.status)
            self.tasks[change.task_arn] = change
            self.changed.notify_all()

    def submit_container(self, change: ContainerStateChange) -> None:
        with self.changed:
            self.told.append(change)
            task = self.tasks[change.task_arn]
            others = [change if one.name == change.name else one for one in task.containers]
            self.tasks[change.task_arn] = replace(task, containers=tuple(others))
            self.changed.notify_all()

    def until(self, holds: Callable[[], Any], seconds: float = SECONDS) -> None:
        """Wait until something is true of what was told."""
        with self.changed:
            assert self.changed.wait_for(holds, seconds), self.tasks

    def reaches(self, arn: str, status: TaskStatus) -> TaskStateChange:
        """Wait until a task has this status; its state then."""
        self.until(lambda: arn in self.tasks and not self.tasks[arn].status.before(status))
        assert self.tasks[arn].status is status, self.tasks[arn]
        return self.tasks[arn]

    def statuses(self, arn: str) -> list[TaskStatus]:
        """The statuses that a task was told to have, each once, in their order."""
        told = [one for one in self.told if isinstance(one, TaskStateChange)]
        return list(dict.fromkeys(one.status for one in told if one.task_arn == arn))


@dataclass
class Others:
    """Puller, secrets, surroundings and logs, all in memory."""

    password: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    refusal: str | None = None
    """Of the next secrets that are asked for."""
    log_refusal: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    networks: tuple[str, ...] = ()
    followed: list[tuple[str, str]] = field(default_factory=list)
    drained: list[str] = field(default_factory=list)
    known: dict[str, TaskPayload] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    def source(self, _payload: TaskPayload, definition: Mapping[str, Any]) -> PullSource:
        return PullSource(definition["image"], "AWS", self.password)

    def resolve(self, _payload: TaskPayload, definition: Mapping[str, Any]) -> Resolved:
        if self.refusal and definition.get("secrets"):
            raise Unavailable(self.refusal)
        names = [one["name"] for one in definition.get("secrets") or ()]
        return Resolved(secrets={name: self.secrets[name] for name in names})

    def enter(self, _payload: TaskPayload, _container: str) -> Entry:
        return Entry(self.environment, self.networks)

    def know(self, payload: TaskPayload) -> None:
        self.known[payload.arn] = payload

    def leave(self, task_arn: str) -> None:
        self.left.append(task_arn)

    def follow(
        self, _payload: TaskPayload, container: str, runtime_id: str, _options: Mapping[str, str]
    ) -> None:
        if self.log_refusal:
            raise Unavailable(self.log_refusal)
        self.followed.append((container, runtime_id))

    def finish(self, runtime_id: str, _timeout: float) -> None:
        self.drained.append(runtime_id)


class Rig:
    """An agent, what it talks to, and the engine seen from outside."""

    def __init__(self, url: str, folder: Path, image: str, **settings: Any) -> None:
        self.url = url
        self.folder = folder
        self.image = image
        self.settings = AgentSettings(
            tick_seconds=1.0, pull_pause=0.05, failure_seconds=0.05, **settings
        )
        self.plane = Plane()
        self.others = Others()
        self.engine = docker.APIClient(url)
        self.agent = self._agent()

    def _agent(self) -> LocalAgent:
        others = self.others
        return LocalAgent(
            engine_url=self.url,
            folder=self.folder,
            control_plane=self.plane,
            puller=others,
            secrets=others,
            surroundings=others,
            logs=others,
            settings=self.settings,
        )

    def restart(self) -> None:
        """The agent ends and another one takes over; the control plane forgot what it knew."""
        self.agent.close()
        self.plane = Plane()
        self.agent = self._agent()
        self.agent.start()

    def payload(self, *containers: Mapping[str, Any], **members: Any) -> TaskPayload:
        """A task of these containers; `members` are of its definition, or of the payload."""
        cluster = "arn:aws:ecs:us-east-1:123456789012:cluster/demo"
        launch_type = members.pop("launch_type", "EC2")
        service_name = members.pop("service_name", None)
        definition = {
            "family": "web",
            "revision": 3,
            "networkMode": "awsvpc" if launch_type == "FARGATE" else "none",
            "containerDefinitions": [self._whole(one) for one in containers],
            **members,
        }
        return TaskPayload(
            arn=f"arn:aws:ecs:us-east-1:123456789012:task/demo/{uuid.uuid4().hex}",
            cluster_arn=cluster,
            definition=definition,
            desired_status=DesiredStatus.RUNNING,
            launch_type=launch_type,
            container_arns={},
            service_name=service_name,
        )

    def _whole(self, container: Mapping[str, Any]) -> dict[str, Any]:
        return {"name": "app", "image": self.image, "command": shell(STAYS), **container}

    def run(self, *containers: Mapping[str, Any], **members: Any) -> TaskPayload:
        """Have the agent run a task of these containers."""
        payload = self.payload(*containers or ({},), **members)
        self.agent.accept([payload])
        return payload

    def running(self, *containers: Mapping[str, Any], **members: Any) -> TaskPayload:
        """The same, once it runs."""
        payload = self.run(*containers, **members)
        self.plane.reaches(payload.arn, TaskStatus.RUNNING)
        trapping = [
            one["State"]["Pid"]
            for one in self.agent.inspect(payload.arn).values()
            if any("TERM" in part for part in one["Config"]["Cmd"] or ())
            and not one["HostConfig"].get("Init")
        ]
        eventually(lambda: all(map(handles_sigterm, trapping)))
        return payload

    def stopped(self, *containers: Mapping[str, Any], **members: Any) -> TaskStateChange:
        """Run a task that stops by itself; its last state."""
        return self.plane.reaches(self.run(*containers, **members).arn, TaskStatus.STOPPED)

    def stop(self, payload: TaskPayload) -> TaskStateChange:
        """Stop a task; its last state."""
        self.agent.accept([replace(payload, desired_status=DesiredStatus.STOPPED)])
        return self.plane.reaches(payload.arn, TaskStatus.STOPPED)

    def shown(self, payload: TaskPayload, name: str = "app") -> Any:
        """What the engine shows of a container."""
        return self.agent.inspect(payload.arn)[name]

    def inside(self, payload: TaskPayload, *command: str, name: str = "app") -> str:
        """What a command says inside a container."""
        container = self.shown(payload, name)["Id"]
        made = self.engine.exec_create(container, [BUSYBOX, *command])
        output: bytes = self.engine.exec_start(made["Id"])
        return output.decode()

    def output(self, payload: TaskPayload, name: str = "app") -> str:
        """What a container has printed."""
        output: bytes = self.engine.logs(self.shown(payload, name)["Id"])
        return output.decode()

    def containers(self) -> list[dict[str, Any]]:
        """All that is on the engine of this agent."""
        label = f"moorage.agent={self.agent.id}"
        found: list[dict[str, Any]] = self.engine.containers(all=True, filters={"label": [label]})
        return found

    def close(self) -> None:
        """End the agent, and remove all that it made."""
        mine = f"moorage.agent={self.agent.id}"
        self.agent.close()
        for container in self.engine.containers(all=True, filters={"label": [mine]}):
            self.engine.remove_container(container["Id"], force=True, v=True)
        for volume in self.engine.volumes(filters={"label": [mine]})["Volumes"] or ():
            self.engine.remove_volume(volume["Name"])
        self.engine.close()


def container(change: TaskStateChange, name: str = "app") -> ContainerStateChange:
    """One container of a task's state."""
    return next(one for one in change.containers if one.name == name)


def exit_codes(change: TaskStateChange) -> Mapping[str, int | None]:
    """By container."""
    return {one.name: one.exit_code for one in change.containers}


def all_stopped(changes: Sequence[ContainerStateChange]) -> bool:
    """Whether all containers have stopped."""
    return all(one.status is ContainerStatus.STOPPED for one in changes)


def handles_sigterm(pid: int) -> bool:
    """Whether a process has come to where it catches or ignores SIGTERM, or has ended."""
    file = Path(f"/proc/{pid}/status")
    if not pid or not file.exists():
        return True
    lines = (line.partition(":") for line in file.read_text().splitlines())
    status = {name: text.strip() for name, _, text in lines}
    return bool((int(status["SigIgn"], 16) | int(status["SigCgt"], 16)) & 1 << signal.SIGTERM - 1)


def eventually(holds: Callable[[], Any], seconds: float = SECONDS) -> None:
    """Wait until something outside is true."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)
