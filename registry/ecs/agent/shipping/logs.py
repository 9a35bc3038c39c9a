"""The shipper as the agent asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.ecs.agent.collaborators import Unavailable
from registry.ecs.agent.shipping.options import LoggingRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.ecs.agent.shipping.shipper import LogShipper
    from registry.ecs.protocol import TaskPayload


class ShippedLogs:
    """The agent's `Logs`."""

    def __init__(self, shipper: LogShipper) -> None:
        self._shipper = shipper

    def follow(
        self, payload: TaskPayload, container: str, runtime_id: str, options: Mapping[str, str]
    ) -> None:
        """Raises Unavailable, in the words of the log driver."""
        try:
            self._shipper.follow(
                payload.arn, container, runtime_id, options, payload.execution_credentials
            )
        except LoggingRefused as error:
            raise Unavailable(str(error)) from None

    def finish(self, runtime_id: str, timeout: float) -> None:
        """Send what is left, and forget the container."""
        self._shipper.finish(runtime_id, timeout)
