"""What the control plane asks of whoever can assume roles for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Session:
    """Temporary credentials of a role."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expiration: datetime


class RoleRefused(Exception):
    """The role does not trust ECS's tasks, or there is none. `str()` says which and why."""


class RolesUnreachable(Exception):
    """Nobody could be asked; later somebody may."""


class Roles(Protocol):
    """Assumes roles as the service principal `ecs-tasks.amazonaws.com`."""

    def assume(self, role_arn: str, session_name: str) -> Session:
        """Credentials for an hour or longer. Raises RoleRefused, RolesUnreachable."""
        ...
