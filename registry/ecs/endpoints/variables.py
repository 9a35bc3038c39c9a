"""What every container finds in its environment, whatever it is.

Source: Developer Guide, "Task metadata environment variables"; Fargate User Guide, "Container
environment variables".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registry.ecs.protocol import TaskPayload


def environment_of(payload: TaskPayload, definition: Mapping[str, Any]) -> dict[str, str]:
    """Variables that a container's own definition does not set itself."""
    region = payload.arn.split(":")[3]
    found = {"AWS_EXECUTION_ENV": f"AWS_ECS_{payload.launch_type}"}
    if payload.launch_type == "FARGATE":
        found |= {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    own = {each["name"] for each in definition.get("environment", ())}
    return {name: value for name, value in found.items() if name not in own}
