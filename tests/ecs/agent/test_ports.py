"""Ports asked for, and ports published."""

from __future__ import annotations

import socket

import pytest

from registry.ecs.agent.collaborators import Unavailable
from registry.ecs.agent.ports import (
    DYNAMIC_PORTS,
    bindings,
    exposed,
    free_ports,
    network_bindings,
    port_range,
)

DEFINITION = {
    "portMappings": [
        {"containerPort": 80, "hostPort": 8080},
        {"containerPort": 53, "protocol": "udp"},
        {"containerPort": 53, "hostPort": 5353, "protocol": "udp"},
    ]
}


def test_what_is_asked_of_the_engine() -> None:
    assert exposed(DEFINITION) == {"80/tcp": {}, "53/udp": {}}
    assert bindings(DEFINITION) == {
        "80/tcp": [{"HostPort": "8080"}],
        "53/udp": [{"HostPort": ""}, {"HostPort": "5353"}],
    }
    assert exposed({"portMappings": [{"containerPortRange": "90-92"}]}) == {
        "90/tcp": {}, "91/tcp": {}, "92/tcp": {},
    }  # fmt: skip


def test_a_range_passes_over_ports_that_are_taken() -> None:
    first = free_ports(3, "tcp")
    with socket.create_server(("", first[1])):
        second = free_ports(3, "tcp")
    assert second.start > first[1]
    assert len(second) == 3


def test_a_range_that_no_machine_has() -> None:
    with pytest.raises(Unavailable, match="contiguous host ports are unavailable"):
        free_ports(len(DYNAMIC_PORTS) + 1, "tcp")


@pytest.mark.parametrize(("text", "ports"), [("80", [80]), ("80-82", [80, 81, 82])])
def test_ranges(text: str, ports: list[int]) -> None:
    assert list(port_range(text)) == ports


def test_what_is_told_of_a_range() -> None:
    ports = {f"{port}/tcp": [{"HostIp": "0.0.0.0", "HostPort": str(port + 1000)}]
             for port in (90, 91, 92)}  # fmt: skip
    definition = {"portMappings": [{"containerPortRange": "90-92"}]}
    shown = {"NetworkSettings": {"Ports": ports}}
    assert network_bindings(definition, shown, "bridge") == [
        {"bindIP": "0.0.0.0", "containerPortRange": "90-92", "hostPortRange": "1090-1092",
         "protocol": "tcp"}
    ]  # fmt: skip


def test_nothing_is_told_of_ports_that_are_not_published() -> None:
    assert (
        network_bindings(DEFINITION, {"NetworkSettings": {"Ports": {"80/tcp": None}}}, "bridge")
        == []
    )
    assert network_bindings(DEFINITION, None, "none") == []


def test_on_the_hosts_network_ports_are_what_they_are() -> None:
    definition = {"portMappings": [{"containerPort": 80}, {"containerPortRange": "90-92"}]}
    assert network_bindings(definition, {}, "host") == [
        {"bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 80, "protocol": "tcp"},
        {"bindIP": "0.0.0.0", "containerPortRange": "90-92", "hostPortRange": "90-92",
         "protocol": "tcp"},
    ]  # fmt: skip
