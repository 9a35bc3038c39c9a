"""A task's definition as the agent reads it: containers, and who waits for whom.

Sources: API reference, ContainerDefinition and ContainerDependency; amazon-ecs-agent, which
turns `links` into a START and `volumesFrom` into a CREATE dependency, and holds a task's network
in a container of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registry.ecs.protocol import TaskPayload

PAUSE = "~internal~ecs~pause"
"""The name of the container that holds the name spaces which a task's containers share."""
CREATE, START, COMPLETE, SUCCESS, HEALTHY = "CREATE", "START", "COMPLETE", "SUCCESS", "HEALTHY"
RESTART_PERIOD_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Dependency:
    """What must be true of another container first."""

    container: str
    condition: str


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When a container that exited is started again (API, ContainerRestartPolicy)."""

    ignored_exit_codes: frozenset[int] = frozenset()
    attempt_period: float = RESTART_PERIOD_SECONDS
    """Seconds that it must have run."""


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a task."""

    name: str
    essential: bool = True
    dependencies: tuple[Dependency, ...] = ()
    stop_timeout: float = 30.0
    start_timeout: float | None = None
    """How long others wait for it to complete or become healthy, from its start."""
    restart: RestartPolicy | None = None
    checked: bool = False
    """Whether it has a health check."""
    internal: bool = False
    """Whether it is the agent's own, and no container of the definition."""
    raw: Mapping[str, Any] = field(default_factory=dict)
    """Its ContainerDefinition."""


@dataclass(frozen=True, slots=True)
class Task:
    """One task, as far as it decides what is to be done."""

    arn: str
    containers: Mapping[str, Container]
    network_mode: str = "bridge"
    fargate: bool = False
    of_service: bool = False

    @property
    def own(self) -> list[Container]:
        """The containers of its definition."""
        return [container for container in self.containers.values() if not container.internal]

    @property
    def pause(self) -> Container | None:
        """The container that holds its shared name spaces, if it needs one."""
        return self.containers.get(PAUSE)

    def dependents(self, name: str) -> list[Container]:
        """Those that wait for the container of that name."""
        return [
            container
            for container in self.containers.values()
            if any(dependency.container == name for dependency in container.dependencies)
        ]


def read_task(payload: TaskPayload, stop_seconds: float = 30.0) -> Task:
    """The task of a payload."""
    definition = payload.definition
    mode = network_mode(payload)
    paused = needs_pause(payload)
    containers: dict[str, Container] = {}
    if paused:
        containers[PAUSE] = Container(PAUSE, internal=True, stop_timeout=2.0)
    for raw in definition.get("containerDefinitions", ()):
        containers[raw["name"]] = _container(raw, stop_seconds, paused=paused)
    return Task(
        arn=payload.arn,
        containers=containers,
        network_mode=mode,
        fargate=payload.launch_type == "FARGATE",
        of_service=payload.service_name is not None,
    )


def network_mode(payload: TaskPayload) -> str:
    """The task's network mode; where its definition names none, bridge, and awsvpc on Fargate."""
    default = "awsvpc" if payload.launch_type == "FARGATE" else "bridge"
    return str(payload.definition.get("networkMode") or default)


def needs_pause(payload: TaskPayload) -> bool:
    """Whether containers of the task share name spaces that a container must hold."""
    definition = payload.definition
    shared = "task" in (definition.get("pidMode"), definition.get("ipcMode"))
    return shared or network_mode(payload) == "awsvpc"


def _container(raw: Mapping[str, Any], stop_seconds: float, *, paused: bool) -> Container:
    start_timeout = raw.get("startTimeout")
    return Container(
        name=raw["name"],
        essential=raw.get("essential", True) is not False,
        dependencies=_dependencies(raw, paused=paused),
        stop_timeout=float(raw.get("stopTimeout") or stop_seconds),
        start_timeout=float(start_timeout) if start_timeout else None,
        restart=_restart(raw.get("restartPolicy") or {}),
        checked=has_health_check(raw),
        raw=raw,
    )


def has_health_check(raw: Mapping[str, Any]) -> bool:
    """Whether a container definition asks for its health to be checked."""
    command = (raw.get("healthCheck") or {}).get("command") or ["NONE"]
    return bool(command[0] != "NONE")


def _dependencies(raw: Mapping[str, Any], *, paused: bool) -> tuple[Dependency, ...]:
    found = [Dependency(PAUSE, START)] if paused else []
    found += [
        Dependency(one["containerName"], one["condition"]) for one in raw.get("dependsOn") or ()
    ]
    found += [Dependency(link.partition(":")[0], START) for link in raw.get("links") or ()]
    found += [Dependency(one["sourceContainer"], CREATE) for one in raw.get("volumesFrom") or ()]
    return tuple(dict.fromkeys(found))


def _restart(raw: Mapping[str, Any]) -> RestartPolicy | None:
    if not raw.get("enabled"):
        return None
    return RestartPolicy(
        ignored_exit_codes=frozenset(raw.get("ignoredExitCodes") or ()),
        attempt_period=float(raw.get("restartAttemptPeriod") or RESTART_PERIOD_SECONDS),
    )
