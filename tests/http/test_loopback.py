from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from registry.http.loopback import unpace

pytestmark = pytest.mark.skipif(
    not hasattr(socket, "TCP_CONGESTION"), reason="the platform has no choice of congestion control"
)


@pytest.fixture
def connection() -> Iterator[socket.socket]:
    with socket.socket() as opened:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, other())
        yield opened


def other() -> bytes:
    """A congestion control that is not reno, if the kernel lets us have one."""
    with open("/proc/sys/net/ipv4/tcp_allowed_congestion_control", "rb") as file:  # noqa: PTH123 - no file
        return next((name for name in file.read().split() if name != b"reno"), b"reno")


def control(connection: socket.socket) -> bytes:
    found = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
    return found.partition(b"\0")[0]


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_the_loopback_is_not_paced(connection: socket.socket, peer: str) -> None:
    unpace(connection, (peer, 1234))
    assert control(connection) == b"reno"


@pytest.mark.parametrize("peer", ["192.0.2.1", "10.0.0.1", "::2", "::ffff:10.0.0.1", None])
def test_a_network_is_left_alone(connection: socket.socket, peer: str | None) -> None:
    unpace(connection, None if peer is None else (peer, 1234))
    assert control(connection) == other()
