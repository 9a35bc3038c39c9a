"""What the agent needs of others: credentials for pulling, secrets, surroundings, logs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from registry.ecs.protocol import TaskPayload


class Unavailable(Exception):
    """Something that a container needs is not to be had. The text is that of ECS, without the
    leading `ResourceInitializationError: ` or `CannotPullContainerError: `."""


@dataclass(frozen=True, slots=True)
class PullSource:
    """Where an image is pulled from, and as whom."""

    reference: str
    """What the engine is asked for; it may name this registry by another address."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    """None: anonymously."""


class Puller(Protocol):
    """Knows as whom images are pulled."""

    def source(self, payload: TaskPayload, definition: Mapping[str, Any]) -> PullSource:
        """For the image of one container definition. Raises Unavailable (the pull fails with
        its text); anything else it raises is tried again. Called from several threads."""
        ...


@dataclass(frozen=True, slots=True)
class Resolved:
    """What references in a container definition stand for."""

    files: Mapping[str, str] = field(default_factory=dict)
    """From `environmentFiles`; the definition's own `environment` comes before them."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """From `secrets`, by the name of the variable."""
    log_options: Mapping[str, str] = field(default_factory=dict, repr=False)
    """From `logConfiguration.secretOptions`."""


class Secrets(Protocol):
    """Resolves secrets and environment files with the execution role."""

    def resolve(self, payload: TaskPayload, definition: Mapping[str, Any]) -> Resolved:
        """Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands around a container."""

    environment: Mapping[str, str] = field(default_factory=dict)
    """The addresses of the credentials and metadata endpoints."""
    networks: tuple[str, ...] = ()
    """Further engine networks to join; of an awsvpc task its pause container joins them."""
    extra_hosts: tuple[str, ...] = ()
    """`name:address`."""


class Surroundings(Protocol):
    """Serves the endpoints that containers find their credentials and metadata at."""

    def enter(self, payload: TaskPayload, container: str) -> Entry:
        """Before a container is created, and again before it is started; for an awsvpc task
        also of `definition.PAUSE`. Raises Unavailable."""
        ...

    def know(self, payload: TaskPayload) -> None:
        """This task is here, with these credentials: new, refreshed, or again after a restart."""
        ...

    def leave(self, task_arn: str) -> None:
        """The task has stopped: its credentials are no longer given out."""
        ...


class Logs(Protocol):
    """Ships the output of containers whose log driver is `awslogs`."""

    def follow(
        self, payload: TaskPayload, container: str, runtime_id: str, options: Mapping[str, str]
    ) -> None:
        """Called when the container is created and before it is started, again after each of
        its restarts, and for all that run when the agent comes back; followed already, nothing
        happens. Raises Unavailable: the container does not start."""
        ...

    def finish(self, runtime_id: str, timeout: float) -> None:
        """The container has stopped and is about to be removed: ship what is left of its
        output, for at most `timeout` seconds, and forget it."""
        ...


@dataclass(frozen=True, slots=True)
class Collaborators:
    """All of them."""

    puller: Puller
    secrets: Secrets
    surroundings: Surroundings
    logs: Logs
