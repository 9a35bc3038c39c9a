"""The test application in a server process of its own."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.http.serving import Client

PROGRAM = """
import sys
from registry.server import ServerSettings, StartFailed, run
settings = ServerSettings.from_json(sys.argv[1])
try:
    sys.exit(run(settings, sys.argv[2], sys.argv[3], lambda url: print(url, flush=True)))
except StartFailed as error:
    sys.exit(f"failed: {error}")
"""
ROOT = Path(__file__).parents[2]


@dataclass
class Process:
    """A server that has said that it is ready."""

    url: str
    popen: subprocess.Popen[str]
    log: Path
    _opened: list[socket.socket] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def get(self, path: str) -> httpx.Response:
        """One request on a connection of its own."""
        return httpx.get(self.url + path, timeout=20)

    def connect(self) -> Client:
        """A connection that lasts as long as the test."""
        opened = socket.create_connection(("127.0.0.1", self.port), 20)
        self._opened.append(opened)
        return Client(opened)

    def hang_up(self) -> None:
        for opened in self._opened:
            opened.close()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """The exit status after a signal."""
        self.popen.send_signal(number)
        return self.popen.wait(30)

    def children(self) -> list[int]:
        """Process ids of the workers."""
        path = Path(f"/proc/{self.popen.pid}/task/{self.popen.pid}/children")
        return [int(number) for number in path.read_text().split()]


def command(
    settings: str, factory: str = "tests.http.application:create", argument: str = ""
) -> list[str]:
    return [sys.executable, "-c", PROGRAM, settings, factory, argument]


@contextmanager
def started(settings: str, folder: Path, argument: str = "") -> Iterator[Process]:
    """The process; it is killed at the end if the test has not stopped it."""
    log = folder / "server.log"
    with log.open("wb") as output:
        popen = subprocess.Popen(
            command(settings, argument=argument),
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            cwd=ROOT,
        )
    assert popen.stdout is not None
    try:
        url = popen.stdout.readline().strip()
        assert url, log.read_text()
        server = Process(url, popen, log)
        try:
            yield server
        finally:
            server.hang_up()
    finally:
        if popen.poll() is None:
            popen.kill()
            popen.wait()
        popen.stdout.close()
