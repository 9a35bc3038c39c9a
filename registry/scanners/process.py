"""A program run beside the server, within bounds of time, memory, processor and output.

It is a process group of its own that ends with the run, however that ends, and with the server,
however that ends.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from registry.scanners import child

_TAIL = 8 * 1024
_LOOK_SECONDS = 0.25
_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one run may take."""

    seconds: float = 600.0
    """From start to end."""
    memory: int = 2 << 30
    """Bytes in memory, of all its processes together. Looked at four times a second."""
    cpu_seconds: int = 900
    """Of the processor."""
    output: int = 32 << 20
    """Bytes on standard output."""
    file: int = 4 << 30
    """Bytes of any file that it writes."""


class Exceeded(Exception):
    """A bound was passed, and the program ended; the message says which."""


class Stopped(Exception):
    """The server is stopping."""


@dataclass(frozen=True, slots=True)
class Output:
    """How a program ended by itself."""

    status: int
    """Its exit status; negative for the signal that ended it."""
    stdout: bytes
    stderr: str
    """The last 8 KiB."""


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    bounds: Bounds,
    stop: threading.Event,
    stdin: bytes = b"",
    folder: Path | None = None,
) -> Output:
    """Run the program to its end. Raises Exceeded, Stopped; the program is gone in any case.

    A program that is not there ends with status `child.NOT_FOUND`.
    """
    start = [sys.executable, "-I", str(Path(child.__file__)), str(os.getpid())]
    limits = [str(bounds.cpu_seconds), str(bounds.file)]
    with subprocess.Popen(  # noqa: S603 - no shell, and the operator's own program
        [*start, *limits, *command],
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        feeder = threading.Thread(target=_feed, args=(process, stdin), name="scanner-input")
        feeder.start()
        try:
            return _watch(process, bounds, stop)
        finally:
            _end(process)
            feeder.join()


def _feed(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin is not None  # noqa: S101 - asked for above
    with suppress(OSError), process.stdin as pipe:
        pipe.write(data)


def _watch(process: subprocess.Popen[bytes], bounds: Bounds, stop: threading.Event) -> Output:
    assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018 - as above
    out, err = bytearray(), bytearray()
    until = time.monotonic() + bounds.seconds
    look = 0.0
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, out)
        selector.register(process.stderr, selectors.EVENT_READ, err)
        while selector.get_map():
            for key, _ in selector.select(_LOOK_SECONDS):
                data = os.read(key.fd, _CHUNK)
                if not data:
                    selector.unregister(key.fileobj)
                key.data.extend(data)
            del err[:-_TAIL]
            now = time.monotonic()
            if now >= look:
                look = now + _LOOK_SECONDS
                _check(process, bounds, stop, until)
            if len(out) > bounds.output:
                raise Exceeded(f"it wrote more than {bounds.output >> 20} MiB")
    while process.poll() is None:  # it closed its output and is still there
        _check(process, bounds, stop, until)
        time.sleep(0.01)
    return Output(process.returncode, bytes(out), err.decode(errors="replace"))


def _check(
    process: subprocess.Popen[bytes], bounds: Bounds, stop: threading.Event, until: float
) -> None:
    if stop.is_set():
        raise Stopped("the server is stopping")
    if time.monotonic() > until:
        raise Exceeded(f"it took longer than {bounds.seconds:g} s")
    used = memory_of(process.pid)
    if used > bounds.memory:
        raise Exceeded(f"it took more than {bounds.memory >> 20} MiB of memory")


def memory_of(group: int) -> int:
    """Bytes of memory that the processes of a group have, as far as the system tells (Linux)."""
    total = 0
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(stat[2]) == group:
                total += int(stat[21]) * os.sysconf("SC_PAGE_SIZE")
    return total


def _end(process: subprocess.Popen[bytes]) -> None:
    """Nothing of the group is left after this."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
