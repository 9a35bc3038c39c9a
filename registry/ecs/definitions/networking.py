"""Ports, and what goes with which network mode.

Source: ECS API reference, PortMapping; Developer Guide, "Amazon ECS task networking options".
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

from registry.ecs.errors import client_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

BRIDGE, HOST, AWSVPC, NONE = "bridge", "host", "awsvpc", "none"
_RANGE = re.compile(r"(\d{1,5})-(\d{1,5})", re.ASCII)
_PORT_MAX = 65_535
_MAPPINGS_MAX = 100
_PORT_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}", re.ASCII)
_NOT_IN_AWSVPC = (
    ("hostname", "hostname is"),
    ("dnsServers", "DNS servers are"),
    ("dnsSearchDomains", "DNS search domains are"),
    ("extraHosts", "Extra hosts are"),
    ("disableNetworking", "Disable Networking is"),
)


def mode_of(document: Mapping[str, Any]) -> str:
    """The network mode, as the agent takes it."""
    return str(document.get("networkMode") or BRIDGE)


def port_mappings(container: Mapping[str, Any], mode: str) -> list[dict[str, Any]]:
    """The container's port mappings with their defaults. Raises ServiceError (ClientException)."""
    given = container["portMappings"]
    if len(given) > _MAPPINGS_MAX:
        raise client_error(
            f"Too many port mappings for container '{container['name']}': at most {_MAPPINGS_MAX}."
        )
    if given and mode == NONE:
        raise client_error("Port mappings are not supported when networkMode=none.")
    return [_mapping(container["name"], each, mode) for each in given]


def _mapping(name: str, given: Mapping[str, Any], mode: str) -> dict[str, Any]:
    found = {"protocol": "tcp", **given}
    if "name" in given and not _PORT_NAME.fullmatch(given["name"]):
        raise client_error(f"Invalid port mapping name '{given['name']}' for container '{name}'.")
    if "containerPortRange" in given:
        if "containerPort" in given or "hostPort" in given:
            raise client_error(
                f"Invalid setting for container '{name}': cannot specify both single port and port"
                " range."
            )
        if mode == HOST or not _proper_range(given["containerPortRange"]):
            raise client_error(f"Invalid 'containerPortRange' setting for container '{name}'.")
        return found
    inside = given.get("containerPort", 0)
    if not 1 <= inside <= _PORT_MAX:
        raise client_error(f"Invalid 'containerPort' setting for container '{name}'.")
    outside = given.get("hostPort") or 0
    if not 0 <= outside <= _PORT_MAX:
        raise client_error(f"Invalid 'hostPort' setting for container '{name}'.")
    if mode in {AWSVPC, HOST}:
        if outside not in {0, inside}:
            raise client_error(
                f"When networkMode={mode}, the host ports and container ports in port mappings"
                " must match."
            )
        outside = inside
    return {**found, "hostPort": outside}


def _proper_range(given: str) -> bool:
    match = _RANGE.fullmatch(given)
    return match is not None and 1 <= int(match[1]) < int(match[2]) <= _PORT_MAX


def check(document: Mapping[str, Any]) -> None:
    """Raise ServiceError (ClientException) for what does not go together in this mode."""
    mode, containers = mode_of(document), document["containerDefinitions"]
    for container in containers:
        if container.get("links") and mode != BRIDGE:
            raise client_error(f"Links are not supported when networkMode={mode}.")
        if mode == AWSVPC:
            for member, words in _NOT_IN_AWSVPC:
                if container.get(member):
                    raise client_error(
                        f"{words} not supported on container when networkMode=awsvpc."
                    )
        _check_own_ports(container)
    _check_host_ports(containers)
    names = [each["name"] for one in containers for each in one["portMappings"] if "name" in each]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise client_error(f"The port mapping name '{name}' is already used in the task.")


def _check_host_ports(containers: Sequence[Mapping[str, Any]]) -> None:
    known = set()
    for container in containers:
        for each in container["portMappings"]:
            key = (each["protocol"], each.get("hostPort"))
            if key[1] and key in known:
                raise client_error(
                    f"{key[0].upper()} host port '{key[1]}' is mapped multiple times in task."
                )
            known.add(key)


def _check_own_ports(container: Mapping[str, Any]) -> None:
    """A port of a container is in one range of it alone."""
    ranges = sorted(
        (each["protocol"], *_ends(each["containerPortRange"]))
        for each in container["portMappings"]
        if "containerPortRange" in each
    )
    for (protocol, _, last), (other, first, _) in itertools.pairwise(ranges):
        if protocol == other and first <= last:
            raise client_error(
                f"{protocol.upper()} container port '{first}' is used multiple times in task."
            )
    singles = [each for each in container["portMappings"] if "containerPort" in each]
    for each in singles:
        for protocol, first, last in ranges:
            if protocol == each["protocol"] and first <= each["containerPort"] <= last:
                raise client_error(
                    f"{protocol.upper()} container port '{each['containerPort']}' is used multiple"
                    " times in task."
                )


def _ends(given: str) -> Iterator[int]:
    return map(int, given.split("-"))
