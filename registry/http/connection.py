"""One client's connection: uvicorn's HTTP/1.1 protocol with bounds, and with a fast way out.

Everything that depends on the inside of uvicorn (the version is pinned) is in this module. To
the application it offers two ASGI extensions, described in `registry/http/stream.py`:
`moorage.abort`, always, and `moorage.transfer` where a thread may write the socket itself.

Sources: RFC 9112 (framing; Host in 3.2), RFC 6585 (431), RFC 9110 15.5 (408, 414).
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import httptools
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from registry.http.limits import Limits
from registry.http.logs import fields
from registry.http.loopback import unpace
from registry.http.refusal import refusal
from registry.http.stream import ABORT, TRANSFER, Chunks
from registry.http.transfer import ClientGone, SocketWriter

UPGRADABLE = b"/v1/data-channel/"
"""Paths below which a request may become a WebSocket; elsewhere it is answered as HTTP."""

LINGER_SECONDS = 2.0
"""How long a refused client's bytes are read and dropped, so that the refusal reaches it."""

_log = logging.getLogger("moorage.connection")


class Connection(HttpToolsProtocol):
    """A connection within `limits`."""

    def __init__(self, *args: Any, limits: Limits, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.limits = limits
        self.app = _Guarded(self.app)
        self._active: RequestResponseCycle | None = None
        self._refusal = (400, "this is not an HTTP/1.1 request")
        self._surplus = False
        self._lingering_since: float | None = None
        self._in_head = True
        self._head_since: float | None = None
        self._head_bytes = 0
        self._field_bytes = 0
        self._discarded = 0
        self._body_since = 0.0
        self._unwritten = (0, 0.0)
        self._watch: asyncio.TimerHandle | None = None

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # a narrower transport
        """Begin to watch it; a surplus connection is refused as soon as it asks something."""
        super().connection_made(transport)
        self._surplus = len(self.connections) > self.limits.connections
        if len(self.connections) > 2 * self.limits.connections:
            transport.abort()  # even the refusals are too many
        self._head_since = self.loop.time()
        unpace(transport.get_extra_info("socket"), self.client)
        shortest = min(
            self.limits.header_seconds, self.limits.body_seconds, self.limits.write_seconds
        )
        self._tick_seconds = min(max(shortest / 8, 0.02), 2.5)
        self._watch = self.loop.call_later(self._tick_seconds, self._tick)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that is running, also where another one is queued behind it."""
        if self._watch is not None:
            self._watch.cancel()
        self._let_go(self._active)
        super().connection_lost(exc)

    def _let_go(self, cycle: RequestResponseCycle | None) -> None:
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()

    def cut(self, cycle: RequestResponseCycle | None = None) -> None:
        """Close at once, whatever is half said; only if `cycle` is still the one served."""
        if cycle is None or (cycle is self._active and not cycle.response_complete):
            self._let_go(self._active)
            self.transport.abort()

    # Bytes from the client

    def data_received(self, data: bytes) -> None:
        """Parse what came, within bounds."""
        if self._over():
            return
        in_head = self._in_head
        self._body_since = self.loop.time()
        if in_head and self._head_since is None:
            self._head_since = self._body_since
        self._head_bytes += len(data)
        super().data_received(data)
        if self._over():
            return
        if not in_head:
            self._head_bytes = 0
        elif self._in_head and self._head_bytes > self._head_max:
            self._refusal = (431, f"the head is longer than {self._head_max} bytes")
            self.send_400_response("")

    def _over(self) -> bool:
        """Whether nothing that the client sends matters any more."""
        return self._lingering_since is not None or self.transport.is_closing()

    @property
    def _head_max(self) -> int:
        return self.limits.request_line + self.limits.headers

    def on_message_begin(self) -> None:
        """A new request."""
        super().on_message_begin()
        self._field_bytes = 0

    def on_url(self, url: bytes) -> None:
        """A piece of the request line."""
        super().on_url(url)
        if len(self.url) > self.limits.request_line:
            self._refuse(414, f"the request target is over {self.limits.request_line} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header line; those that trail a body are counted but not kept."""
        self._field_bytes += len(name) + len(value) + 4
        if self._field_bytes > self.limits.headers:
            self._refuse(431, f"the headers are over {self.limits.headers} bytes")
        if len(self.headers) >= self.limits.header_lines:
            self._refuse(431, f"there are more than {self.limits.header_lines} header lines")
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete: serve the request, or refuse it."""
        if self._surplus:
            self._refuse(503, "too many connections")
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            self._refuse(400, f"a request has one Host header, not {hosts}")
        self._in_head, self._head_since, self._head_bytes = False, None, 0
        self._discarded = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Keep it for the application; drop it, up to a bound, if that has answered already."""
        super().on_body(body)
        if self.cycle.response_complete:
            self._discarded += len(body)
            if self._discarded > self.limits.discard:
                self.transport.close()

    def on_message_complete(self) -> None:
        """What follows is the next request's head."""
        super().on_message_complete()
        self._in_head, self._head_bytes = True, 0
        if not self._serving:  # the rest of a body answered early: no keep-alive timer runs
            self._head_since = self.loop.time()

    def _should_upgrade_to_ws(self) -> bool:
        return self.url.startswith(UPGRADABLE) and super()._should_upgrade_to_ws()

    def handle_websocket_upgrade(self) -> None:
        """Let the WebSocket's protocol have the connection; nothing is watched here any more."""
        if self._watch is not None:
            self._watch.cancel()
        super().handle_websocket_upgrade()

    def _unsupported_upgrade_warning(self) -> None:
        # The parser has stopped where the other protocol would begin: answer in HTTP and close.
        self.cycle.keep_alive = False

    # Refusals

    def _refuse(self, status: int, message: str) -> None:
        """Stop parsing; `data_received` hands over to `send_400_response`."""
        self._refusal = (status, message)
        raise httptools.HttpParserError(message)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own text
        """Answer a request that never reaches the application, and close.

        Where the answer would fall into another one, the connection is just cut.
        """
        status, message = self._refusal
        client = self.client[0] if self.client else None
        _log.info("refused", extra=fields(status=status, reason=message, remote_address=client))
        active = self._active
        if active is not None and not active.response_complete:
            if active.response_started or self._in_head or active is not self.cycle:
                self.cut()
                return
            self._let_go(active)
        self.transport.write(refusal(status, message))
        self._linger()

    def _linger(self) -> None:
        """Close for writing; what the client still sends would else reset the connection."""
        self._lingering_since = self.loop.time()
        self._unset_keepalive_if_required()
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.flow.resume_reading()
        else:
            self.transport.close()

    # Time

    def _tick(self) -> None:
        now = self.loop.time()
        self._watch = self.loop.call_later(self._tick_seconds, self._tick)
        if self._unread(now) or self._standing(now):
            self.cut()
        elif self._lingering_since is not None:
            if now - self._lingering_since > LINGER_SECONDS:
                self.transport.abort()
        elif self._head_overdue(now):
            self._refusal = (408, f"no request within {self.limits.header_seconds:g} s")
            if self._head_bytes:
                self.send_400_response("")
            else:
                self.transport.close()

    @property
    def _serving(self) -> bool:
        return self._active is not None and not self._active.response_complete

    def _head_overdue(self, now: float) -> bool:
        if self._head_since is None or self.transport.is_closing():
            return False
        if self._serving:
            self._head_since = now  # it waits for us, not we for it
        return now - self._head_since > self.limits.header_seconds

    def _standing(self, now: float) -> bool:
        """Whether the client has stopped in the middle of a body, asked for or dropped."""
        cycle = self._active
        if cycle is None or not cycle.more_body or self._in_head:
            return False
        if cycle.response_started and not cycle.response_complete:
            return False
        if self.flow.read_paused or cycle.waiting_for_100_continue:
            self._body_since = now  # the application is busy, the client is not at fault
        return now - self._body_since > self.limits.body_seconds

    def _unread(self, now: float) -> bool:
        """Whether the client has stopped reading its answer."""
        size, since = self._unwritten
        waiting = self.transport.get_write_buffer_size()
        if waiting == 0 or waiting != size:
            self._unwritten = (waiting, now)
            return False
        return now - since > self.limits.write_seconds

    # Requests

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._active = cycle
        scope: Scope = cycle.scope  # type: ignore[assignment]  # starlette's and uvicorn's types
        extensions: dict[str, object] = {ABORT: lambda: self.cut(cycle)}
        if self.scheme == "http" and scope["http_version"] == "1.1" and scope["method"] != "HEAD":
            extensions[TRANSFER] = _Transfer(self, cycle)
        scope["extensions"] = extensions
        super()._start_asgi_task(cycle, app)


class _Guarded:
    """The application; a request that is cancelled at shutdown is cut without an outcry."""

    def __init__(self, app: Any) -> None:
        self._app: ASGIApp = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            scope["extensions"][ABORT]()


class _Transfer:
    """See `registry.http.stream.Transfer`."""

    __slots__ = ("_connection", "_cycle", "sent")

    def __init__(self, connection: Connection, cycle: RequestResponseCycle) -> None:
        self._connection = connection
        self._cycle = cycle
        self.sent = 0

    def ready(self) -> bool:
        """Whether this answer's head is out and nothing else is under way."""
        connection, cycle = self._connection, self._cycle
        return (
            cycle.response_started
            and cycle.chunked_encoding is False
            and not connection.pipeline
            and not connection.transport.is_closing()
        )

    async def run(self, chunks: Chunks) -> bool:
        """Write the chunks from a thread; True if all went out, False if the client is gone."""
        connection, cycle = self._connection, self._cycle
        connection.flow.pause_reading()
        if not await self._drained():
            return False
        descriptor = connection.transport.get_extra_info("socket").fileno()
        writer = SocketWriter(descriptor, connection.limits.write_seconds)
        try:
            await writer.run(chunks)
        except ClientGone:
            connection.cut(cycle)
            return False
        except BaseException:
            connection.cut(cycle)
            raise
        finally:
            self.sent = writer.sent
            writer.close()
        cycle.expected_content_length -= writer.sent
        return True

    async def _drained(self) -> bool:
        """Wait until the kernel has everything that the loop had to write."""
        transport, delay = self._connection.transport, 0.0
        while transport.get_write_buffer_size():
            await asyncio.sleep(delay)
            delay = min(delay + 0.001, 0.02)
        return not (self._cycle.disconnected or transport.is_closing())
