"""Where output is not shipped anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.ecs.agent.collaborators import Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.ecs.protocol import TaskPayload


class Unshipped:
    """Refuses what asks for the log driver awslogs."""

    def follow(
        self, payload: TaskPayload, container: str, _runtime_id: str, _options: Mapping[str, str]
    ) -> None:
        """See collaborators.Logs."""
        raise Unavailable(f"no output of {container} of {payload.arn} is shipped by this server")

    def finish(self, _runtime_id: str, _timeout: float) -> None:
        """See collaborators.Logs."""
