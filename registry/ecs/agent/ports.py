"""Ports that containers publish on the machine (API reference, PortMapping and NetworkBinding)."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

from registry.ecs.agent.collaborators import Unavailable

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import NetworkBindingTypeDef

DYNAMIC_PORTS = range(49153, 65536)
"""The agent's default dynamicHostPortRange."""


def exposed(definition: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """`ExposedPorts` of a container."""
    return {f"{port}/{protocol}": {} for port, protocol, _ in _each(definition)}


def bindings(definition: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
    """`PortBindings` of a container in the mode bridge. Where no host port is asked for, the
    engine chooses one; a range gets the first stretch that is free. Raises Unavailable."""
    found: dict[str, list[dict[str, str]]] = {}
    for mapping in definition.get("portMappings") or ():
        protocol = mapping.get("protocol") or "tcp"
        if mapping.get("containerPortRange"):
            ports = port_range(mapping["containerPortRange"])
            for port, free in zip(ports, free_ports(len(ports), protocol), strict=True):
                found.setdefault(f"{port}/{protocol}", []).append({"HostPort": str(free)})
        else:
            host = mapping.get("hostPort") or ""
            found.setdefault(f"{mapping['containerPort']}/{protocol}", []).append(
                {"HostPort": str(host)}
            )
    return found


def _each(definition: Mapping[str, Any]) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
    for mapping in definition.get("portMappings") or ():
        protocol = mapping.get("protocol") or "tcp"
        if mapping.get("containerPortRange"):
            for port in port_range(mapping["containerPortRange"]):
                yield port, protocol, mapping
        else:
            yield mapping["containerPort"], protocol, mapping


def port_range(text: str) -> range:
    """`8000-8010`, both included."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def free_ports(count: int, protocol: str) -> range:
    """So many host ports in a row that nothing listens on. Raises Unavailable."""
    first = DYNAMIC_PORTS.start
    while first + count <= DYNAMIC_PORTS.stop:
        taken = _last_taken(range(first, first + count), protocol)
        if taken is None:
            return range(first, first + count)
        first = taken + 1
    raise Unavailable(f"{count} contiguous host ports are unavailable")


def _last_taken(ports: range, protocol: str) -> int | None:
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with ExitStack() as held:
        for port in reversed(ports):
            one = held.enter_context(socket.socket(socket.AF_INET, kind))
            try:
                one.bind(("", port))
            except OSError:
                return port
    return None


def network_bindings(
    definition: Mapping[str, Any], shown: Mapping[str, Any] | None, mode: str
) -> list[NetworkBindingTypeDef]:
    """What is really published, from what the engine shows of a container."""
    if mode == "host":
        return [_host_binding(mapping) for mapping in definition.get("portMappings") or ()]
    published = ((shown or {}).get("NetworkSettings") or {}).get("Ports") or {}
    found: list[NetworkBindingTypeDef] = []
    ranges: set[str] = set()
    for port, protocol, mapping in _each(definition):
        hosts = _addresses(published.get(f"{port}/{protocol}") or ())
        stretch = mapping.get("containerPortRange")
        if stretch and hosts and stretch not in ranges:
            ranges.add(stretch)
            found.append(_range_binding(stretch, hosts[0], protocol))
        elif not stretch:
            found += [_binding(port, host, protocol) for host in hosts]
    return found


def _addresses(published: Sequence[Mapping[str, str]]) -> list[tuple[str, int]]:
    return [(one["HostIp"], int(one["HostPort"])) for one in published]


def _range_binding(stretch: str, host: tuple[str, int], protocol: Any) -> NetworkBindingTypeDef:
    last = host[1] + len(port_range(stretch)) - 1
    return {
        "bindIP": host[0],
        "containerPortRange": stretch,
        "hostPortRange": f"{host[1]}-{last}",
        "protocol": protocol,
    }


def _host_binding(mapping: Mapping[str, Any]) -> NetworkBindingTypeDef:
    protocol = mapping.get("protocol") or "tcp"
    everywhere = str(IPv4Address(0))
    if stretch := mapping.get("containerPortRange"):
        return _range_binding(stretch, (everywhere, port_range(stretch).start), protocol)
    port = mapping["containerPort"]
    return _binding(port, (everywhere, port), protocol)


def _binding(port: int, host: tuple[str, int], protocol: Any) -> NetworkBindingTypeDef:
    return {"bindIP": host[0], "containerPort": port, "hostPort": host[1], "protocol": protocol}
