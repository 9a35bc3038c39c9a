"""ECS as this server has it: what runs containers, and how it reaches the registry.

Only one process at a time runs it, and none before there is a cluster: a server that is a
registry alone never speaks to a Docker Engine.
"""

from __future__ import annotations

import fcntl
import os
import threading
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.background import Work
from registry.domain.identities.services import ECS_TASKS
from registry.ecs.agent.registries import own_addresses
from registry.ecs.clients import Clients, Endpoint, Keys, PlainKeys
from registry.ecs.control.dispatching import Dispatcher
from registry.ecs.control.scheduling.scheduler import Scheduler
from registry.ecs.control.states import States
from registry.ecs.control.sts_roles import StsRoles
from registry.ecs.control.uses import REPORTER, Uses
from registry.ecs.running import Plane, Running
from registry.ecs.sessions.serving import Sessions
from registry.ecs.sessions.tickets import Tickets
from registry.ecs.store.tables import clusters
from registry.scanning import address_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from registry.config import Settings
    from registry.database.database import Database
    from registry.ecs.agent.engine import Engine
    from registry.ground import Ground
    from registry.values.scope import Scope

SECONDS = 1.0
"""How often a process that does not run containers looks whether it should."""


class Containers:
    """Runs the containers of ECS, where this process is to."""

    def __init__(self, settings: Settings, ground: Ground) -> None:
        self._settings = settings
        self._ground = ground
        self._lock = settings.data / "ecs" / "engine.lock"
        self._made: Running | None = None

    def run(self, stop: threading.Event) -> None:
        """Until told to stop; at once back where there is nothing to run."""
        if self._settings.ecs_engine != "none" and self._wanted() and _free(self._lock):
            self._made = self._made or self._running()
            self._made.run(stop)

    def _wanted(self) -> bool:
        with self._ground.ecs.read() as connection:
            return connection.execute(sa.select(clusters.c.id).limit(1)).first() is not None

    def _running(self) -> Running:
        # docker-py and its HTTP client are only for the process that needs them.
        from registry.ecs.agent.assembly import EngineAgent  # noqa: PLC0415 - see above
        from registry.ecs.agent.local import EngineTaken  # noqa: PLC0415 - see above

        settings, database = self._settings, self._ground.ecs
        clients = clients_of(settings)
        key = self._ground.services.of(ECS_TASKS)
        keys = PlainKeys(key.id, key.secret)
        roles = StsRoles(lambda: clients.of("sts", settings.region, keys))
        agent = EngineAgent(
            engine_url=settings.ecs_engine,
            folder=settings.data / "ecs",
            plane=Plane(database, States(database)),
            clients=clients,
            hosts=settings.hosts,
            address=(settings.host, settings.port),
            tls=settings.tls_cert is not None,
            key=self._ground.keys.secret("task metadata"),
            own=(settings.region, keys),
        )
        dispatcher, scheduler = Dispatcher(database, agent, roles), Scheduler(database)
        uses = uses_of(settings, database, clients, keys)
        return Running(database, agent, dispatcher, EngineTaken, (scheduler.step, uses.step))


def uses_of(settings: Settings, database: Database, clients: Clients, keys: Keys) -> Uses:
    """What reports the images that ECS needs, as the service."""
    hosts, own = settings.hosts, own_addresses(settings.host, settings.port)

    def place(host: str) -> Scope | None:
        return hosts.scope(host) if host in own or hosts.names(host) else None

    def send(scope: Scope, images: Sequence[str]) -> None:
        path = f"registries/{scope.account}/images-in-use/{REPORTER}"
        clients.put(path, {"images": list(images)}, scope.region, keys)

    return Uses(database, place, send)


def _free(lock: Path) -> bool:
    """Whether no other process runs the agent; only then are its libraries loaded here."""
    lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def clients_of(settings: Settings) -> Clients:
    """Clients of this very server, over the loopback where it listens there."""
    address = address_of(settings)
    scheme = "https" if settings.tls_cert is not None else "http"
    return Clients(Endpoint(f"{scheme}://{address.host}", verify=settings.tls_cert is None))


def container_work(settings: Settings, ground: Ground) -> Work:
    """What each worker does for it."""
    return Work("ecs", Containers(settings, ground).run, SECONDS)


def sessions_of(settings: Settings, ground: Ground) -> Sessions:
    """The sessions of ExecuteCommand: any process serves them, the engine's own or another."""

    def engine() -> Engine:
        from registry.ecs.agent.assembly import engine_of  # noqa: PLC0415 - brings docker-py

        return engine_of(settings.ecs_engine)

    return Sessions(Tickets(ground.ecs), engine)
