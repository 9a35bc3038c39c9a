"""The local agent with all that it needs of others."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import docker

from registry.ecs.agent.engine import Engine
from registry.ecs.agent.local import LocalAgent
from registry.ecs.agent.registries import Registries, own_addresses
from registry.ecs.agent.secrets import SecretStores
from registry.ecs.agent.shipping.logs import ShippedLogs
from registry.ecs.agent.shipping.shipper import LogShipper
from registry.ecs.endpoints.app import Endpoints
from registry.ecs.endpoints.knowledge import Knowledge
from registry.ecs.endpoints.network import EndpointNetwork
from registry.ecs.endpoints.serving import Serving
from registry.ecs.endpoints.surroundings import TaskSurroundings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from registry.ecs.clients import Clients, Keys
    from registry.ecs.protocol import ControlPlane, TaskPayload
    from registry.values.scope import Hosts

DEFAULT_ENGINE = "unix:///var/run/docker.sock"


def engine_of(url: str) -> Engine:
    """The engine of that URL; of DOCKER_HOST's or the usual one where it is empty."""
    return Engine(url or os.environ.get("DOCKER_HOST") or DEFAULT_ENGINE)


class EngineAgent:
    """The agent of this machine's engine, with the endpoints of its tasks."""

    def __init__(
        self,
        *,
        engine_url: str,
        folder: Path,
        plane: ControlPlane,
        clients: Clients,
        hosts: Hosts,
        address: tuple[str, int],
        tls: bool,
        key: bytes,
        own: tuple[str, Keys],
    ) -> None:
        """`engine_url`: empty for DOCKER_HOST's or the usual one; `address` is where this server
        listens, `tls` whether with a certificate; `key` is secret, for the metadata's tokens;
        `own` are this server's region and the service's own keys."""
        own_region, own_keys = own
        engine = engine_of(engine_url)
        url = engine.url
        knowledge = Knowledge(key)
        endpoints = Endpoints(knowledge, self._inspect, self._stats)
        self._shipper = LogShipper(
            lambda: docker.APIClient(url),
            folder / "logs",
            lambda keys, region: clients.of("logs", region or own_region, keys or own_keys),
        )
        self._serving = Serving(endpoints.app(), address)
        scheme = "https" if tls else "http"
        self.agent = LocalAgent(
            engine_url=engine.url,
            folder=folder,
            control_plane=plane,
            puller=Registries(clients, hosts, own_addresses(*address)),
            secrets=SecretStores(clients),
            surroundings=TaskSurroundings(
                knowledge, EndpointNetwork(engine), self._serving, scheme, self._renew
            ),
            logs=ShippedLogs(self._shipper),
        )
        self._engine = engine
        # What its Agent protocol asks for is the agent's own.
        self.accept, self.refresh = self.agent.accept, self.agent.refresh
        self.forget = self.agent.forget

    def start(self) -> None:
        """Begin. Raises EngineTaken where another process has it."""
        self.agent.start()

    def close(self) -> None:
        """End; containers run on."""
        self.agent.close()
        self._shipper.close()
        self._serving.close()
        self._engine.close()

    def _renew(self, payload: TaskPayload) -> None:
        """Have the newest credentials used for what is still to be shipped."""
        if payload.execution_credentials is not None:
            self._shipper.refresh(payload.arn, payload.execution_credentials)

    def _inspect(self, task_arn: str) -> Mapping[str, Mapping[str, Any]]:
        return self.agent.inspect(task_arn)

    def _stats(self, runtime_id: str) -> Any:
        return self._engine.call(lambda client: client.stats(runtime_id, stream=False))
