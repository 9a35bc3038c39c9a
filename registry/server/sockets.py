"""Listening sockets, bound before anything else starts."""

from __future__ import annotations

import errno
import resource
import socket

from registry.server.settings import StartFailed

BACKLOG = 2048


def listen(host: str, port: int) -> list[socket.socket]:
    """Listen on every address that the host name has, all on one port (0: any free one).

    Raises StartFailed with the reason: the port is taken, may not be used, or the name is
    not known.
    """
    sockets: list[socket.socket] = []
    try:
        for family, address in _addresses(host, port):
            chosen = sockets[0].getsockname()[1] if sockets else port
            listening = _bound(family, (address, chosen), optional=bool(sockets))
            if listening is not None:
                sockets.append(listening)
    except OSError as error:
        for opened in sockets:
            opened.close()
        raise StartFailed(f"cannot listen on {host}:{port}: {_reason(error)}") from error
    return sockets


def allow_files(wanted: int) -> int:
    """Raise this process's bound on open files to `wanted`, or as near as permitted; the bound.

    The usual soft bound of 1024 is for programs that use select.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    """IPv4 first, each once."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    unique = dict.fromkeys((entry[0], str(entry[4][0])) for entry in found)
    return sorted(unique, key=lambda entry: entry[0] != socket.AF_INET)


def _bound(
    family: socket.AddressFamily, address: tuple[str, int], *, optional: bool
) -> socket.socket | None:
    """A listening socket; None where an optional address does not exist on this machine."""
    try:
        return socket.create_server(address, family=family, backlog=BACKLOG)
    except OSError as error:
        if optional and error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            return None
        raise


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "the port is taken by another program"
    if error.errno == errno.EACCES:
        return "not permitted (ports below 1024 belong to the administrator)"
    return error.strerror or str(error)
