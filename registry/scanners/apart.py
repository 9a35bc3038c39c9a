"""Work on what a hostile image may have made large, in a process of its own.

The process has bounds of memory, time and processor, and holds no lock of the server's: a report
that takes more than these costs its own scan, and the server goes on meanwhile. A function is
named `module:function`; it takes a JSON object and pieces of bytes, and gives the same back.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from registry.scanners.process import Bounds, Exceeded, Stopped, run

MEMORY = 1 << 30
"""Bytes of address space."""
SECONDS = 120.0
OUTPUT = 96 << 20

Function = Callable[..., tuple[Mapping[str, Any], Sequence[bytes]]]
_REFUSED, _TOO_LARGE = 3, 4
_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); from registry.scanners.apart import main; main()"
)
_ROOT = Path(__file__).parents[2]


class ApartRefused(Exception):
    """What the function does not take; raised by it, and raised here again with its words."""


class ApartFailed(Exception):
    """The process came to no answer; the message says why."""


class Apart:
    """Calls functions in processes of their own, each in one."""

    def __init__(self) -> None:
        self._stop = threading.Event()

    def stop(self) -> None:
        """End whatever runs."""
        self._stop.set()

    def __call__(
        self, function: str, given: Mapping[str, Any], *pieces: bytes
    ) -> tuple[dict[str, Any], list[bytes]]:
        """What the function gives. Raises ApartRefused, ApartFailed."""
        command = [sys.executable, "-I", "-B", "-c", _START, str(_ROOT), function]
        bounds = Bounds(
            seconds=SECONDS, memory=MEMORY, cpu_seconds=int(SECONDS), output=OUTPUT, file=0
        )
        try:
            output = run(
                command,
                environment={"PATH": os.defpath},
                bounds=bounds,
                stop=self._stop,
                stdin=_packed(given, pieces),
            )
        except Exceeded as error:
            raise ApartFailed(str(error)) from None
        except Stopped:
            raise ApartFailed("the server is stopping") from None
        if output.status == _REFUSED:
            raise ApartRefused(output.stderr.strip())
        if output.status == _TOO_LARGE:
            raise ApartFailed(f"it takes more than {MEMORY >> 20} MiB of memory")
        if output.status != 0:
            raise ApartFailed(f"its process ended with status {output.status}")
        return _unpacked(output.stdout)


def main() -> None:
    """The other side: the function named on the command line, over standard input and output."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    module, _, name = sys.argv[2].partition(":")
    function: Function = getattr(import_module(module), name)
    try:
        given, pieces = _read(sys.stdin.buffer)
        sys.stdout.buffer.write(_packed(*function(given, *pieces)))
        sys.stdout.buffer.flush()
    except ApartRefused as error:
        sys.stderr.write(str(error))
        sys.exit(_REFUSED)
    except MemoryError:
        sys.exit(_TOO_LARGE)


def _packed(given: Mapping[str, Any], pieces: Sequence[bytes]) -> bytes:
    head = json.dumps({"given": given, "sizes": [len(each) for each in pieces]})
    return b"".join([head.encode(), b"\n", *pieces])


def _read(source: BinaryIO) -> tuple[dict[str, Any], list[bytes]]:
    head = json.loads(source.readline())
    return head["given"], [source.read(size) for size in head["sizes"]]


def _unpacked(text: bytes) -> tuple[dict[str, Any], list[bytes]]:
    end = text.index(b"\n") + 1
    head = json.loads(text[:end])
    pieces = []
    for size in head["sizes"]:
        pieces.append(text[end : end + size])
        end += size
    return head["given"], pieces
