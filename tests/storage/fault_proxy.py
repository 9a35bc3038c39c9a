"""An HTTP proxy in front of an S3 server that breaks requests as a test tells it to."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive"}


@dataclass(frozen=True)
class Fault:
    """What happens to a request: an error answer, silence, or an answer that is cut.

    `code` answers that HTTP status with an S3 error. `silent` never answers. `lost` lets the
    server do its work, then hangs up without a word (or answers `code`, where both are given).
    `cut` sends so many bytes of the body.
    """

    code: int = 0
    silent: bool = False
    lost: bool = False
    cut: int | None = None


Decide = Callable[[str, str], Fault | None]
NAMES = {
    403: "AccessDenied",
    404: "NoSuchUpload",
    409: "ExistingObjectIsDirectory",
    500: "InternalError",
    503: "SlowDown",
    507: "InsufficientStorage",
}


def nothing(_method: str, _path: str) -> Fault | None:
    """No fault."""
    return None


@dataclass
class FaultProxy:
    """Listens on `port` of 127.0.0.1; `decide(method, path)` names the fault of a request."""

    upstream: int
    decide: Decide = nothing
    seen: list[tuple[str, str]] = field(default_factory=list)
    headers: list[list[str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.released = threading.Event()
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = False
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def reset(self) -> None:
        """No faults from now on, and an end to every silence."""
        self.decide = nothing
        self.released.set()
        self.released = threading.Event()

    def __exit__(self, *exception: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    owner: FaultProxy
    protocol_version = "HTTP/1.1"
    timeout = 10

    def handle_one_request(self) -> None:
        self.close_connection = True
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True  # the client hung up, as tests make it do

    def serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        self.owner.seen.append((self.command, self.path))
        self.owner.headers.append([name.lower() for name in self.headers])
        fault = self.owner.decide(self.command, self.path) or Fault()
        self.close_connection = True
        if fault.silent:
            self.owner.released.wait(10)
            return
        if fault.lost or not fault.code:
            status, headers, content = self.forward(body)
        if fault.code:
            error = f"<Error><Code>{NAMES[fault.code]}</Code></Error>"
            self.answer(fault.code, [], error.encode(), None)
        elif not fault.lost:
            self.answer(status, headers, content, fault.cut)

    def forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        upstream = http.client.HTTPConnection("127.0.0.1", self.owner.upstream, timeout=10)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in {"expect", "connection"}:
                    upstream.putheader(name, value)
            upstream.endheaders(body)
            answer = upstream.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            upstream.close()

    def answer(
        self, status: int, headers: list[tuple[str, str]], body: bytes, cut: int | None
    ) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP | {"content-length"}:
                self.send_header(name, value)
        length = dict(headers).get("Content-Length", "0") if self.command == "HEAD" else len(body)
        self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if cut is None else body[:cut])
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_WR)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = serve  # noqa: N815 - http.server's names
