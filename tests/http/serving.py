"""The test application behind the real server, in a thread of the test."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

from registry.http.connection import Connection
from registry.http.limits import Limits
from registry.http.metrics import Metrics
from registry.http.observe import Observe
from registry.server.settings import ServerSettings
from registry.server.sockets import listen
from registry.server.worker import make_server, serve
from tests.http.application import Application

QUICK = Limits(header_seconds=0.8, body_seconds=0.8, write_seconds=0.8, keep_alive_seconds=5)


@dataclass
class Serving:
    """A running server, its application and its connections to it."""

    port: int
    application: Application
    connections: Callable[[], set[Connection]]
    stop: Callable[[], None]
    _opened: list[socket.socket] = field(default_factory=list)

    def connect(self, *, receive_buffer: int | None = None) -> Client:
        """A new connection."""
        opened = socket.socket()
        opened.settimeout(10)
        if receive_buffer is not None:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        opened.connect(("127.0.0.1", self.port))
        self._opened.append(opened)
        return Client(opened)

    def await_closed(self) -> None:
        """Wait until every source and every body of the application has ended."""
        until(lambda: self.application.open == 0)

    def hang_up(self) -> None:
        for opened in self._opened:
            opened.close()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """HTTP/1.1 by hand, over a socket that a test may also misuse."""

    def __init__(self, opened: socket.socket) -> None:
        self.socket = opened
        self._read = b""

    def send(self, data: bytes) -> Client:
        self.socket.sendall(data)
        return self

    def get(self, target: str, *, method: str = "GET", more: str = "") -> Client:
        return self.send(f"{method} {target} HTTP/1.1\r\nHost: test\r\n{more}\r\n".encode())

    def answer(self, *, head_only: bool = False) -> Answer:
        """The next answer. Raises EOFError when it ends early."""
        head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        pairs = (line.split(": ", 1) for line in head[1:] if line)
        headers = {name.lower(): value for name, value in pairs}
        length = 0 if head_only else int(headers.get("content-length", 0))
        return Answer(int(head[0].split()[1]), headers, self.exactly(length))

    def exactly(self, length: int) -> bytes:
        """So many bytes. Raises EOFError when there are fewer."""
        parts, missing = [self._read[:length]], length - len(self._read)
        self._read = self._read[length:]
        while missing > 0:
            data = self.socket.recv(min(missing, 1 << 20))
            if not data:
                raise EOFError(f"{missing} bytes of {length} missing")
            parts.append(data)
            missing -= len(data)
        return b"".join(parts)

    def closed(self) -> bool:
        """Whether the server closes the connection, with no byte before."""
        try:
            return self._read == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._read:
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError(f"closed after {self._read!r}")
            self._read += data
        head, _, self._read = self._read.partition(mark)
        return head


@contextmanager
def serving(
    limits: Limits | None = None,
    *,
    plain: bool = False,
    tls: tuple[str, str] | None = None,
    grace: float = 5,
    proxies: tuple[str, ...] = (),
) -> Iterator[Serving]:
    """A server on a free port of the loopback."""
    application = Application(plain=plain)
    settings = ServerSettings(
        port=0,
        limits=limits or Limits(),
        grace=grace,
        tls_cert=tls[0] if tls else None,
        tls_key=tls[1] if tls else None,
        trusted_proxies=proxies,
    )
    sockets = listen(settings.host, settings.port)
    port = sockets[0].getsockname()[1]
    ready = threading.Event()
    server = make_server(settings, Observe(application, Metrics()), ready.set)
    thread = threading.Thread(target=serve, args=(server, sockets))
    thread.start()

    def stop() -> None:
        server.should_exit = True

    running = Serving(
        port,
        application,
        lambda: cast("set[Connection]", set(server.server_state.connections)),
        stop,
    )
    try:
        assert ready.wait(10)
        yield running
    finally:
        running.hang_up()
        stop()
        thread.join(20)
        assert not thread.is_alive()


def until(true: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for something that another thread does."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)
