"""The ladders that tasks and containers climb, each rung once and never down.

Source: Amazon ECS Developer Guide, "Amazon ECS task lifecycle"; amazon-ecs-agent, "desired and
known status".
"""

from __future__ import annotations

from enum import StrEnum


class _Ladder(StrEnum):
    @property
    def rung(self) -> int:
        """How far up it is, from 0."""
        return list(type(self)).index(self)

    def before(self, other: _Ladder) -> bool:
        """Whether this rung comes before the other one."""
        return self.rung < other.rung


class TaskStatus(_Ladder):
    """A task's `lastStatus`, in the order in which a task can pass through them."""

    PROVISIONING = "PROVISIONING"
    """Its network is being made; only tasks of the network mode awsvpc begin here."""
    PENDING = "PENDING"
    """It waits for the agent, or its images are being pulled."""
    ACTIVATING = "ACTIVATING"
    """Its containers run; what stands around them (load balancers, discovery) does not yet."""
    RUNNING = "RUNNING"
    DEACTIVATING = "DEACTIVATING"
    """It is to stop, and is taken out of what stands around it first."""
    STOPPING = "STOPPING"
    """Its containers are being stopped."""
    DEPROVISIONING = "DEPROVISIONING"
    """Its network is being taken down."""
    STOPPED = "STOPPED"
    DELETED = "DELETED"
    """Never shown: a stopped task that has been forgotten."""


class DesiredStatus(StrEnum):
    """What a task or container is meant to be."""

    RUNNING = "RUNNING"
    STOPPED = "STOPPED"


class ContainerStatus(_Ladder):
    """How far a container is, for its agent; callers see PENDING, RUNNING or STOPPED of it."""

    NONE = "NONE"
    PULLED = "PULLED"
    CREATED = "CREATED"
    RUNNING = "RUNNING"
    STOPPED = "STOPPED"

    @property
    def shown(self) -> str:
        """As DescribeTasks gives it in `containers[].lastStatus`."""
        return self.value if self in (self.RUNNING, self.STOPPED) else "PENDING"


class HealthStatus(StrEnum):
    """A container's or a task's `healthStatus`."""

    HEALTHY = "HEALTHY"
    UNHEALTHY = "UNHEALTHY"
    UNKNOWN = "UNKNOWN"


class StopCode(StrEnum):
    """Why a task stopped (API reference, Task `stopCode`)."""

    TASK_FAILED_TO_START = "TaskFailedToStart"
    ESSENTIAL_CONTAINER_EXITED = "EssentialContainerExited"
    USER_INITIATED = "UserInitiated"
    SERVICE_SCHEDULER_INITIATED = "ServiceSchedulerInitiated"
    SPOT_INTERRUPTION = "SpotInterruption"
    TERMINATION_NOTICE = "TerminationNotice"
