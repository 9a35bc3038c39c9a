"""How containers, volumes and labels are called on the engine.

Names are made from the task's ARN, not drawn, so that what a crash interrupted is found again
and not made twice. Labels are those of amazon-ecs-agent (`agent/engine/docker_task_engine.go`).
"""

from __future__ import annotations

import hashlib
import re

from registry.ecs.protocol import TaskPayload

PREFIX = "com.amazonaws.ecs."
TASK_ARN = f"{PREFIX}task-arn"
CONTAINER_NAME = f"{PREFIX}container-name"
CLUSTER = f"{PREFIX}cluster"
FAMILY = f"{PREFIX}task-definition-family"
VERSION = f"{PREFIX}task-definition-version"
AGENT = "moorage.agent"
"""Whose a container or volume is: several agents may share an engine."""


class Names:
    """The names that one agent gives."""

    def __init__(self, agent: str) -> None:
        self.agent = agent

    def container(self, payload: TaskPayload, container: str) -> str:
        """`ecs-<family>-<revision>-<container>-<of the task's ARN>`."""
        return self._name(payload, container)

    def volume(self, payload: TaskPayload, volume: str) -> str:
        """Of a volume that lives as long as its task."""
        return self._name(payload, f"volume-{volume}")

    def _name(self, payload: TaskPayload, part: str) -> str:
        family, revision = family_and_revision(payload)
        plain = re.sub(r"[^A-Za-z0-9_.-]", "", part)
        return f"ecs-{family}-{revision}-{plain}-{self._mark(payload.arn)}"

    def _mark(self, task_arn: str) -> str:
        return hashlib.sha256(f"{self.agent} {task_arn}".encode()).hexdigest()[:20]

    def labels(self, payload: TaskPayload, container: str) -> dict[str, str]:
        """What a container is found again by."""
        family, revision = family_and_revision(payload)
        return {
            TASK_ARN: payload.arn,
            CONTAINER_NAME: container,
            CLUSTER: payload.cluster_arn.rpartition("/")[2],
            FAMILY: family,
            VERSION: revision,
            AGENT: self.agent,
        }

    @property
    def mine(self) -> str:
        """The label filter for what belongs to this agent."""
        return f"{AGENT}={self.agent}"


def family_and_revision(payload: TaskPayload) -> tuple[str, str]:
    """Of the task's definition."""
    return str(payload.definition["family"]), str(payload.definition["revision"])
