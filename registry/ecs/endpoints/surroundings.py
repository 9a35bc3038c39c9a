"""What stands around a container: its variables, the endpoints' network, what they know of it.

Source: Developer Guide, "Task IAM role", "Task metadata environment variables".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.ecs.agent.collaborators import Entry, Unavailable
from registry.ecs.agent.definition import PAUSE
from registry.ecs.agent.engine import EngineRefused
from registry.ecs.endpoints.network import ADDRESS
from registry.ecs.endpoints.serving import PORT
from registry.ecs.endpoints.variables import environment_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from registry.ecs.endpoints.knowledge import Knowledge
    from registry.ecs.endpoints.network import EndpointNetwork
    from registry.ecs.endpoints.serving import Serving
    from registry.ecs.protocol import TaskPayload


class TaskSurroundings:
    """Makes them as tasks need them."""

    def __init__(
        self,
        knowledge: Knowledge,
        network: EndpointNetwork,
        serving: Serving,
        scheme: str,
        tell: Callable[[TaskPayload], None],
    ) -> None:
        """`scheme` is what this server speaks: http or https; `tell` who else wants to know of
        a task's credentials."""
        self._tell = tell
        self._knowledge = knowledge
        self._network = network
        self._serving = serving
        self._scheme = scheme

    def enter(self, payload: TaskPayload, container: str) -> Entry:
        """See collaborators.Surroundings."""
        mode = payload.definition.get("networkMode") or "bridge"
        definition = _definition(payload, container)
        found = environment_of(payload, definition)
        if mode == "none":
            return Entry(found)
        try:
            name = self._network.ensure()
            self._serving.ensure()
        except (EngineRefused, OSError) as error:
            if payload.task_credentials is not None:
                raise Unavailable(f"the credentials endpoint cannot be served: {error}") from error
            return Entry(found)
        networks = (name,) if mode == "bridge" or container == PAUSE else ()
        if container == PAUSE:
            return Entry({}, networks)
        own = {each["name"] for each in definition.get("environment", ())}
        added = {**found, **self._addresses(payload, container)}
        return Entry({name: text for name, text in added.items() if name not in own}, networks)

    def know(self, payload: TaskPayload) -> None:
        """See collaborators.Surroundings."""
        self._knowledge.keep(payload)
        self._tell(payload)

    def leave(self, task_arn: str) -> None:
        """See collaborators.Surroundings."""
        self._knowledge.drop(task_arn)

    def _addresses(self, payload: TaskPayload, container: str) -> dict[str, str]:
        port = self._serving.port
        base = f"http://{ADDRESS}" if port == PORT else f"http://{ADDRESS}:{port}"
        found = {
            "ECS_CONTAINER_METADATA_URI_V4": (
                f"{base}/v4/{self._knowledge.token(payload.arn, container)}"
            ),
            "AWS_ENDPOINT_URL": f"{self._scheme}://{ADDRESS}:{self._serving.relay_port}",
        }
        if payload.task_credentials is not None:
            path = f"/v2/credentials/{payload.task_credentials.id}"
            if port == PORT:
                found["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = path
            else:
                found["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = base + path
        return found


def _definition(payload: TaskPayload, container: str) -> Mapping[str, Any]:
    listed = payload.definition["containerDefinitions"]
    found: Mapping[str, Any] = next((each for each in listed if each["name"] == container), {})
    return found
