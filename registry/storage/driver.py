"""The storage protocol and its law.

What a driver promises (`tests/storage/driver_suite.py` holds each one to it):

1.  A path is `/`-separated parts of `[A-Za-z0-9._-]`, none of them `.` or `..`, at most
    900 characters in all. Anything else is a ValueError: a fault of ours, never a client's.
2.  `put` is atomic and durable. If it returns, the object survives a crash of the process
    and of the machine; if `chunks` raises, or anything else does, nothing is at the path
    (or what was there before still is) and the exception goes on to the caller.
3.  An object never changes in place: `put` and `move` replace it whole. A reader that has
    opened the old object reads the old object to its end.
4.  The last part of a path is the object's name. `move` takes an object to another
    directory and keeps the name (an encrypted object is bound to it); a target with another
    name is a ValueError. After `move` the object is at the target alone; a crash in the
    middle leaves it whole at the source, at the target, or at both.
5.  `get` opens before it returns: what is missing or damaged at the start raises there, not
    at the first chunk. A range reaching past the end gives what there is; one that starts
    past the end is a ValueError. Each buffer given out belongs to the caller. Closing the
    iterator lets go of everything.
6.  A buffer in `chunks` belongs to the producer again as soon as the next one is asked for.
7.  `delete` of what is not there succeeds. `stat`, `get`, `move` of what is not there raise
    ObjectNotFound.
8.  `list` gives the full paths under a directory, recursively and in no order, never an
    object half written.
9.  Failures are typed: StorageFull when there is no room, StorageUnavailable for anything
    else that may pass, Damaged for stored bytes that fail their check.
10. There is no append.

All methods are synchronous, may be called from any thread, and release the GIL in I/O.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

Buffer = bytes | bytearray | memoryview

_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*|\.[A-Za-z0-9_-][A-Za-z0-9._-]*", re.ASCII)
PATH_MAX = 900


@dataclass(frozen=True, slots=True)
class Stat:
    """What is known of an object without reading it."""

    size: int
    """Length of the content in bytes, as a reader gets it."""


class Driver(Protocol):
    """See the law at the head of this module."""

    def put(self, path: str, chunks: Iterable[Buffer]) -> int:
        """Store the chunks as one object; the number of content bytes."""

    def get(
        self, path: str, offset: int = 0, length: int | None = None
    ) -> Generator[Buffer, None, None]:
        """Content bytes from `offset`, `length` of them or to the end."""

    def stat(self, path: str) -> Stat:
        """Size of the object."""

    def list(self, prefix: str) -> Iterator[str]:
        """Paths of the objects in a directory and below it."""

    def delete(self, path: str) -> None:
        """Remove the object, if it is there."""

    def move(self, source: str, target: str) -> None:
        """Take an object to another directory."""


def checked(path: str) -> str:
    """The path, if it is one. Raises ValueError."""
    if len(path) > PATH_MAX or not all(_PART.fullmatch(part) for part in path.split("/")):
        raise ValueError(f"not a storage path: {path!r}")
    return path


def name_of(path: str) -> str:
    """The object's name: the last part of its path."""
    return path.rpartition("/")[2]


def checked_move(source: str, target: str) -> None:
    """Raise ValueError unless both are paths and name the same object."""
    if name_of(checked(source)) != name_of(checked(target)):
        raise ValueError(f"a move keeps the object's name: {source!r} to {target!r}")
