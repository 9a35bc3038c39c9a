"""What the engine tells of a container's output, piece by piece.

Source: Docker Engine API, "Get container logs" and "Attach to a container" (stream format: frames
of type, three zero bytes, length, content); `daemon/logger/copier.go` (lines are cut at 16 KiB,
and each piece is an entry of its own, without a line's end).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

HEADER = 8
PIECE = 16 * 1024
"""Bytes at which the engine cuts a line."""
SOURCES = {0: "stdin", 1: "stdout", 2: "stderr"}
TTY = "tty"
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) ")
_STAMP_SIZE = 31
_NANOSECONDS = 9

Read = Callable[[int], bytes]
"""The next bytes of a stream: as many as asked for, fewer only at its end."""


class Entry(NamedTuple):
    """A line, or a piece of one."""

    source: str
    at: str
    """When, in RFC 3339 with nanoseconds: texts in the order of time."""
    text: bytes
    ends: bool
    """Whether the line ends with it."""

    @property
    def milliseconds(self) -> int:
        """Since 1970 UTC."""
        return milliseconds(self.at)


class Cut(Exception):
    """The stream ended in the middle of something."""


def framed(read: Read) -> Iterator[Entry]:
    """The entries of a container without a terminal. Raises Cut."""
    while header := read(HEADER):
        if len(header) < HEADER:
            raise Cut("the stream of a container's output ended within a frame")
        kind, size = struct.unpack(">BxxxL", header)
        content = read(size)
        if len(content) < size:
            raise Cut("the stream of a container's output ended within a frame")
        yield _entry(SOURCES.get(kind, SOURCES[1]), content)


def raw(read: Read, size: int = 4096, *, torn: bool = False) -> Iterator[Entry]:
    """The entries of a container with a terminal, which come without frames.

    A time stands before each line, and before each further piece of a long one. `torn`: the first
    may be the end of a former run, without a line's end; what the next run wrote follows at once.
    """
    rest = b""
    while piece := read(size):
        rest += piece
        *lines, rest = rest.split(b"\n")
        for line in lines:
            yield from _pieces(line + b"\n", torn=torn)
            torn = False
        while len(rest) > 2 * (PIECE + _STAMP_SIZE):
            yield _entry(TTY, rest[: PIECE + _STAMP_SIZE])
            rest = rest[PIECE + _STAMP_SIZE :]
    if rest:
        yield from _pieces(rest, torn=torn)


def _pieces(line: bytes, *, torn: bool) -> Iterator[Entry]:
    size = PIECE + _STAMP_SIZE
    while torn and (next_run := _STAMP.search(line, _STAMP_SIZE + 1)) is not None:
        yield _entry(TTY, line[: next_run.start()])
        line = line[next_run.start() :]
    while len(line) > size and _STAMP.match(line, size):
        yield _entry(TTY, line[:size])
        line = line[size:]
    yield _entry(TTY, line)


def _entry(source: str, content: bytes) -> Entry:
    match = _STAMP.match(content)
    if match is None:
        raise Cut("the engine told an entry without its time")
    text = content[match.end() :]
    ends = text.endswith(b"\n")
    text = text[:-1] if ends else text
    return Entry(source, match[1].decode(), text.removesuffix(b"\r") if ends else text, ends)


def milliseconds(at: str) -> int:
    """An entry's time in milliseconds since 1970 UTC."""
    seconds, _, fraction = at.rstrip("Z").partition(".")
    return _seconds(seconds) * 1000 + int(fraction[:3])


def since(at: str) -> str:
    """An entry's time as the engine's parameter `since` takes it."""
    seconds, _, fraction = at.rstrip("Z").partition(".")
    return f"{_seconds(seconds)}.{fraction[:_NANOSECONDS]}"


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
