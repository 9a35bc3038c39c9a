"""The loopback, which is no network and need not be treated as one."""

from __future__ import annotations

import socket

LOOPBACK = ("127.", "::1", "::ffff:127.")


def unpace(connection: socket.socket, peer: tuple[str, int] | None) -> None:
    """Take a loopback connection off BBR, which paces it to less than half of what it can do.

    Never a network peer's: what is right there is for the machine's owner to say. Where the
    platform has no choice of congestion control, or forbids it, nothing happens.
    """
    option = getattr(socket, "TCP_CONGESTION", None)
    if option is None or peer is None or not peer[0].startswith(LOOPBACK):
        return
    try:
        connection.setsockopt(socket.IPPROTO_TCP, option, b"reno")
    except OSError:
        return  # not allowed here: slower, not wrong
