"""What control plane and agent say to each other, and nothing more.

It has the shape of the ECS agent's own protocol: a payload of tasks comes down and is
acknowledged once it is safe with the agent, credentials are refreshed, and changes of state
go up (amazon-ecs-agent, `ecs-agent/acs/model/api/api-2.json`; API reference,
SubmitTaskStateChange, SubmitContainerStateChange, RegisterContainerInstance). The local
engine's agent is the first that speaks it; agents on other machines come next, over a websocket.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from registry.ecs.statuses import (
    ContainerStatus,
    DesiredStatus,
    HealthStatus,
    StopCode,
    TaskStatus,
)

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import (
        AttributeTypeDef,
        NetworkBindingTypeDef,
        ResourceTypeDef,
    )


@dataclass(frozen=True, slots=True)
class RoleCredentials:
    """Temporary credentials of one role, for one task."""

    id: str
    """Unguessable; the last part of `/v2/credentials/<id>`. Stays when they are refreshed."""
    role_arn: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expiration: datetime


@dataclass(frozen=True, slots=True)
class TaskPayload:
    """One task, as its agent is told of it."""

    arn: str
    cluster_arn: str
    definition: Mapping[str, Any]
    """A TaskDefinition as DescribeTaskDefinition shows it, with the task's overrides applied."""
    desired_status: DesiredStatus
    launch_type: str
    """EC2 or FARGATE."""
    container_arns: Mapping[str, str]
    """By container name."""
    service_name: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    task_credentials: RoleCredentials | None = None
    """Of the task role; for the containers."""
    execution_credentials: RoleCredentials | None = None
    """Of the execution role; for the agent, which pulls, reads secrets and writes logs."""
    execute_command: bool = False
    """Whether ExecuteCommand may enter its containers."""
    assign_public_ip: bool = False

    @property
    def id(self) -> str:
        """The last part of the ARN."""
        return self.arn.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class ContainerStateChange:
    """What a container has become. Sent again, it changes nothing."""

    task_arn: str
    name: str
    status: ContainerStatus
    runtime_id: str | None = None
    """The engine's id of it."""
    image_digest: str | None = None
    """Of the manifest that its image was pulled by: `sha256:…`."""
    exit_code: int | None = None
    reason: str | None = None
    """In ECS's words, such as `CannotPullContainerError: …`."""
    health: HealthStatus = HealthStatus.UNKNOWN
    network_bindings: Sequence[NetworkBindingTypeDef] = ()
    restart_count: int | None = None
    """How often its restart policy started it anew; None where it has no such policy."""


@dataclass(frozen=True, slots=True)
class Interface:
    """The network interface of a task of the mode awsvpc."""

    private_address: str
    """IPv4."""
    mac_address: str
    subnet_cidr: str


@dataclass(frozen=True, slots=True)
class TaskStateChange:
    """How far a task is, and its containers with it. Sent again, it changes nothing."""

    task_arn: str
    status: TaskStatus
    containers: Sequence[ContainerStateChange] = ()
    stop_code: StopCode | None = None
    """With a status at or after STOPPING that the agent itself brought about."""
    reason: str | None = None
    """The `stoppedReason` that goes with it."""
    interface: Interface | None = None
    pull_started_at: datetime | None = None
    pull_stopped_at: datetime | None = None
    execution_stopped_at: datetime | None = None
    """When the first essential container stopped."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A container instance, as its agent registers it."""

    cluster: str
    resources: Sequence[ResourceTypeDef]
    """CPU (1,024 units a core), MEMORY (MiB), PORTS, PORTS_UDP, as RegisterContainerInstance."""
    attributes: Sequence[AttributeTypeDef]
    agent_version: str
    docker_version: str


class ControlPlane(Protocol):
    """What an agent may ask of the control plane."""

    def register(self, instance: Instance) -> str:
        """The ARN of the container instance; the same one for an agent that comes again."""
        ...

    def submit_task(self, change: TaskStateChange) -> None:
        """Durable when it returns. A status that the task has passed already is not taken."""
        ...

    def submit_container(self, change: ContainerStateChange) -> None:
        """Durable when it returns."""
        ...

    def heartbeat(self, *, connected: bool) -> None:
        """The agent lives; `connected` says whether its engine answers."""
        ...


class Agent(Protocol):
    """What the control plane may ask of an agent."""

    def accept(self, tasks: Sequence[TaskPayload]) -> None:
        """Take these tasks over, new ones and changed ones. When it returns they are kept: a
        crash of the agent loses none. Given again, a task is not begun again."""
        ...

    def refresh(self, task_arn: str, credentials: RoleCredentials) -> None:
        """Newer credentials under the id of the older ones."""
        ...

    def forget(self, task_arns: Sequence[str]) -> None:
        """The control plane knows that these have stopped: their traces may go."""
        ...
