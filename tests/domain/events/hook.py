"""A webhook's other end: an HTTP server in a thread, which answers as it is told."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "a-secret-of-the-test"


@dataclass(frozen=True, slots=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes
    client: int
    """The client's port."""

    @property
    def event(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    def verify(self, secret: str = SECRET) -> int:
        """The signature's time; it must be right. Written from docs/events.md alone."""
        parts = dict(part.split("=", 1) for part in self.headers["moorage-signature"].split(","))
        signed = parts["t"].encode() + b"." + self.body
        expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(expected, parts["v1"])
        return int(parts["t"])


Answer = Callable[[Received], int]


@dataclass
class Hook:
    """What came in, and what is answered."""

    port: int = 0
    answer: Answer = lambda _received: 200
    received: list[Received] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/in?from=here"

    @property
    def ids(self) -> list[str]:
        return [each.event["id"] for each in self.received]

    def wait(self, count: int, seconds: float = 20) -> None:
        """Until so many requests came in."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.received) >= count, seconds)

    def take(self, received: Received) -> int:
        with self.arrived:
            self.received.append(received)
            self.arrived.notify_all()
        return self.answer(received)


@contextmanager
def hook(tls: tuple[str, str] | None = None) -> Iterator[Hook]:
    """A hook that listens; with certificate and key over TLS."""
    found = Hook()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = found.take(Received(self.path, headers, body, self.client_address[1]))
            if status == 0:  # hang up instead
                self.close_connection = True
                return
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("location", found.url)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Clients may be killed."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
