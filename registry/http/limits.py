"""What one client may ask of the server before it is shown the door."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on every connection. Sizes in bytes, times in seconds."""

    request_line: int = 8 * 1024
    """Longest request target; past it 414."""
    headers: int = 64 * 1024
    """All header lines together; past it 431."""
    header_lines: int = 100
    """Header lines; past it 431."""
    header_seconds: float = 20.0
    """From the first byte of a request, or from the connection, to the end of its head: 408."""
    body_seconds: float = 60.0
    """A request body may stand still that long; then the connection is cut."""
    write_seconds: float = 120.0
    """A client may leave an answer unread that long; then the connection is cut."""
    keep_alive_seconds: float = 60.0
    """An idle connection is kept that long."""
    connections: int = 4096
    """Connections of one worker; a further one gets 503."""
    discard: int = 4 * 1024 * 1024
    """Bytes of a body that are read and dropped after its answer was given early."""
