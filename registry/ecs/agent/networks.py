"""The network of awsvpc tasks: one bridge on each engine, on which every task has an address.

A container of the agent's own joins it for each task and holds the name space that the task's
containers share, as amazon-ecs-agent's pause container does.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, ip_network
from pathlib import Path
from typing import Any

from docker.types import IPAMConfig, IPAMPool

from registry.ecs.agent.engine import Engine, EngineMissing, EngineRefused
from registry.ecs.agent.settings import AgentSettings
from registry.ecs.protocol import Interface

AWSVPC_NETWORK = "moorage-awsvpc"
USUAL_SUBNETS = tuple(
    IPv4Network(one)
    for one in ("10.213.0.0/16", "172.30.0.0/16", "192.168.240.0/20", "10.97.0.0/16")
)
"""Rarely used elsewhere; the first that nothing here uses is taken."""
ROUTES = Path("/proc/net/route")


class NoSubnet(Exception):
    """All the usual subnets are taken on this machine: one has to be set."""


class AwsvpcNetwork:
    """The network, made when it is first needed."""

    def __init__(self, engine: Engine, settings: AgentSettings, routes: Path = ROUTES) -> None:
        self._engine = engine
        self._settings = settings
        self._routes = routes
        self._lock = threading.Lock()

    def ensure(self) -> str:
        """Its name. Raises NoSubnet."""
        with self._lock:
            try:
                self._engine.call(lambda client: client.inspect_network(AWSVPC_NETWORK))
            except EngineMissing:
                self._create()
        return AWSVPC_NETWORK

    def _create(self) -> None:
        subnet = self._settings.awsvpc_subnet or str(self._free())
        try:
            self._engine.call(
                lambda client: client.create_network(
                    AWSVPC_NETWORK,
                    driver="bridge",
                    check_duplicate=True,
                    ipam=IPAMConfig(pool_configs=[IPAMPool(subnet=subnet)]),
                    labels={"moorage.network": "awsvpc"},
                )
            )
        except EngineRefused as error:
            # Another Moorage on this engine may have made it just now.
            if error.status != 409:
                raise

    def _free(self) -> IPv4Network:
        return free_subnet([*routed(self._routes), *self._of_networks()])

    def _of_networks(self) -> Iterable[IPv4Network]:
        for network in self._engine.call(lambda client: client.networks()):
            for one in (network.get("IPAM") or {}).get("Config") or ():
                if one.get("Subnet") and ":" not in one["Subnet"]:
                    yield IPv4Network(one["Subnet"])


def free_subnet(taken: Iterable[IPv4Network]) -> IPv4Network:
    """The first of the usual subnets that none of these overlaps. Raises NoSubnet."""
    others = list(taken)
    for subnet in USUAL_SUBNETS:
        if not any(subnet.overlaps(other) for other in others):
            return subnet
    raise NoSubnet("no free subnet for awsvpc tasks: set one")


def routed(routes: Path) -> list[IPv4Network]:
    """What the machine's routes lead to (proc(5), `/proc/net/route`: little-endian words)."""
    if not routes.exists():
        return []
    found = []
    for line in routes.read_text().splitlines()[1:]:
        fields = line.split()
        address = int.from_bytes(bytes.fromhex(fields[1]), "little")
        mask = int.from_bytes(bytes.fromhex(fields[7]), "little")
        if mask:
            found.append(IPv4Network((address, mask.bit_count())))
    return found


def interface_of(shown: Mapping[str, Any] | None) -> Interface | None:
    """A pause container's interface, from what the engine shows of it."""
    networks = ((shown or {}).get("NetworkSettings") or {}).get("Networks") or {}
    found = networks.get(AWSVPC_NETWORK)
    if not found or not found.get("IPAddress"):
        return None
    address, prefix = found["IPAddress"], found["IPPrefixLen"]
    return Interface(
        private_address=address,
        mac_address=found["MacAddress"],
        subnet_cidr=str(ip_network(f"{address}/{prefix}", strict=False)),
    )
