"""A network bridge for one engine, so that engines of several test processes do not share one.

By the kernel's own calls (netdevice(7); linux/sockios.h): no further program is needed.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct

_ADD_BRIDGE, _REMOVE_BRIDGE = 0x89A0, 0x89A1
_FLAGS, _ADDRESS, _MASK = 0x8914, 0x8916, 0x891C
_UP = 0x1


class Bridge:
    """A bridge with an address of its own, named after this process."""

    def __init__(self, number: int) -> None:
        self.name = f"mo{os.getpid()}-{number}"
        third = os.getpid() % 250
        self.address = f"10.{180 + number % 20}.{third}.1"

    def add(self) -> None:
        """Make it. Raises OSError, for one, to users who are not root."""
        self._call(_ADD_BRIDGE, self.name.encode() + b"\0")
        self._call(_ADDRESS, self._request(_of(self.address)))
        self._call(_MASK, self._request(_of("255.255.255.0")))
        self._call(_FLAGS, self._request(struct.pack("h", _UP)))

    def remove(self) -> None:
        """Take it away."""
        self._call(_FLAGS, self._request(struct.pack("h", 0)))
        self._call(_REMOVE_BRIDGE, self.name.encode() + b"\0")

    def _request(self, value: bytes) -> bytes:
        """A `struct ifreq`."""
        return struct.pack("16s24s", self.name.encode(), value)

    def _call(self, number: int, argument: bytes) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket, number, argument)


def _of(address: str) -> bytes:
    """A `struct sockaddr_in`."""
    return struct.pack("hH4s8x", socket.AF_INET, 0, socket.inet_aton(address))
