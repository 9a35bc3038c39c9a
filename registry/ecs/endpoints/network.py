"""The network over which containers reach their credentials and metadata.

SDKs ask 169.254.170.2 for credentials. Here that is the host's own address on a bridge that every
task's network namespace joins; containers see nobody else on it.

Source: Developer Guide, "Task IAM role"; amazon-ecs-local-container-endpoints, which has a network
of the same subnet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.ecs.agent.engine import EngineRefused

if TYPE_CHECKING:
    import docker

    from registry.ecs.agent.engine import Engine

NETWORK = "moorage-ecs-endpoints"
ADDRESS = "169.254.170.2"
SUBNET = "169.254.170.0/23"
BRIDGE = "moorage-ecs"


class EndpointNetwork:
    """Makes the network where it is missing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ensure(self) -> str:
        """The network's name. Raises what the engine raises."""
        if not self._engine.call(lambda client: client.networks(names=[NETWORK])):
            try:
                self._engine.call(_create)
            except EngineRefused as error:
                if "already exists" not in error.message:
                    raise
        return NETWORK


def _create(client: docker.APIClient) -> Any:
    from docker.types import IPAMConfig, IPAMPool  # noqa: PLC0415 - as the client itself

    pool = IPAMPool(subnet=SUBNET, gateway=ADDRESS)
    return client.create_network(
        NETWORK,
        driver="bridge",
        check_duplicate=True,
        internal=True,
        ipam=IPAMConfig(pool_configs=[pool]),
        options={
            "com.docker.network.bridge.enable_icc": "false",
            "com.docker.network.bridge.name": BRIDGE,
        },
    )
