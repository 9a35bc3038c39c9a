"""A control plane without a server, and an agent that does as the test says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from registry.ecs.control.roles import RoleRefused, Session
from registry.ecs.protocol import RoleCredentials, TaskPayload


@dataclass
class RecordingAgent:
    """Keeps what it was told."""

    accepted: list[TaskPayload] = field(default_factory=list)
    refreshed: list[tuple[str, RoleCredentials]] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)

    def accept(self, tasks: Sequence[TaskPayload]) -> None:
        self.accepted.extend(tasks)

    def refresh(self, task_arn: str, credentials: RoleCredentials) -> None:
        self.refreshed.append((task_arn, credentials))

    def forget(self, task_arns: Sequence[str]) -> None:
        self.forgotten.extend(task_arns)


@dataclass
class FakeRoles:
    """Roles whose names tell whether they trust ECS."""

    lifetime: timedelta = timedelta(hours=1)
    assumed: list[tuple[str, str]] = field(default_factory=list)

    def assume(self, role_arn: str, session_name: str) -> Session:
        if role_arn.endswith("/distrustful"):
            raise RoleRefused(f"ECS was unable to assume the role '{role_arn}'")
        self.assumed.append((role_arn, session_name))
        number = len(self.assumed)
        return Session(f"ASIA{number}", "secret", "token", datetime.now(UTC) + self.lifetime)
