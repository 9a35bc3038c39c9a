"""One worker: an event loop, the application, the listening sockets.

Run as a program it takes its instructions as one JSON line on standard input, which stays open
as long as the supervisor lives; at its end the worker stops as it does at SIGTERM.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, cast

import uvicorn
import uvloop
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from registry.http.connection import Connection
from registry.server.memory import share_one_arena
from registry.server.settings import ServerSettings, StartFailed
from registry.server.sockets import BACKLOG, allow_files
from registry.values.errors import MoorageError

START_FAILED = 3
"""Exit status of a worker that never served; starting it again would not help."""

STUCK_SECONDS = 10.0
"""After the grace period a worker that still does not end is ended by force."""

WEBSOCKET_BYTES = 1 << 17
"""The longest message that a WebSocket's client may send."""

SPARE_FILES = 1024
"""Open files beside those of connections, each of which may have a duplicate and a blob."""


class _Loop(uvloop.Loop):
    """uvloop's loop, whose TLS handshakes must be over as soon as a request's head."""

    def __init__(self, handshake_seconds: float) -> None:
        super().__init__()
        self._handshake_seconds = handshake_seconds

    async def create_server(self, *args: Any, **kwargs: Any) -> Any:
        """Listen, see asyncio."""
        if kwargs.get("ssl") is not None:
            kwargs["ssl_handshake_timeout"] = self._handshake_seconds
        return await super().create_server(*args, **kwargs)


class Server(uvicorn.Server):
    """uvicorn's server; a signal ends it with status 0, and what is stuck ends by force."""

    def __init__(
        self, config: uvicorn.Config, settings: ServerSettings, ready: Callable[[], None] | None
    ) -> None:
        super().__init__(config)
        self._grace = settings.grace
        self._handshake = settings.limits.header_seconds
        self._ready = ready
        self.files = 4 * settings.limits.connections + SPARE_FILES
        self._force: threading.Timer | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, accept, then say so."""
        await super().startup(sockets)
        if self._ready is not None:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting; requests in flight have the grace period."""
        self._force = threading.Timer(self._grace + STUCK_SECONDS, os._exit, (1,))
        self._force.daemon = True
        self._force.start()
        await super().shutdown(sockets)

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve to the end, of every thread and task too."""
        try:
            with asyncio.Runner(loop_factory=lambda: _Loop(self._handshake)) as runner:
                runner.run(self.serve(sockets))
        finally:
            if self._force is not None:
                self._force.cancel()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Handle SIGTERM and SIGINT; unlike uvicorn's, they are not raised again at the end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handled = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in handled}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def load_factory(name: str) -> Callable[[str], ASGIApp]:
    """The function that `package.module:function` names. Raises StartFailed."""
    module, _, function = name.partition(":")
    try:
        return cast("Callable[[str], ASGIApp]", getattr(importlib.import_module(module), function))
    except (ImportError, AttributeError, ValueError) as error:
        raise StartFailed(f"there is no application factory {name!r}: {error}") from error


def make_server(
    settings: ServerSettings, app: ASGIApp, ready: Callable[[], None] | None = None
) -> Server:
    """A server that has not started yet. Raises StartFailed for a bad certificate."""
    tls = settings.tls()
    if settings.trusted_proxies:
        app = cast("ASGIApp", ProxyHeadersMiddleware(app, list(settings.trusted_proxies)))  # type: ignore[arg-type]  # uvicorn's ASGI types are its own
    config = uvicorn.Config(
        app,
        http=cast("type[Connection]", functools.partial(Connection, limits=settings.limits)),
        ws="websockets-sansio",
        ws_max_size=WEBSOCKET_BYTES,
        ws_per_message_deflate=False,
        interface="asgi3",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=cast("int", settings.limits.keep_alive_seconds),
        timeout_graceful_shutdown=cast("int", settings.grace),
        ssl_context_factory=None if tls is None else lambda *_: tls,
    )
    return Server(config, settings, ready)


def serve(server: Server, sockets: Sequence[socket.socket]) -> int:
    """Serve until a signal comes; the exit status."""
    share_one_arena()
    allow_files(server.files)
    try:
        server.run(list(sockets))
    except SystemExit:  # how uvicorn says that the application did not start
        return START_FAILED
    return 0 if server.started else START_FAILED


def main() -> int:
    """The worker process that `registry/server/supervisor.py` starts; its exit status."""
    try:
        return _main()
    except MoorageError as error:
        print(f"worker: {error}", file=sys.stderr)  # noqa: T201 - logging may not be set up yet
        return START_FAILED


def _main() -> int:
    told = json.loads(_line(0))
    settings = ServerSettings.from_json(told["settings"])
    sockets = [socket.socket(fileno=number) for number in told["sockets"]]
    app = load_factory(told["factory"])(told["argument"])
    server = make_server(settings, app, functools.partial(_report, told["report"]))
    threading.Thread(target=_until_end, args=(0, server), daemon=True).start()
    return serve(server, sockets)


def _line(descriptor: int) -> bytes:
    """One line, read without a buffer that would take more."""
    read = bytearray()
    while not read.endswith(b"\n"):
        piece = os.read(descriptor, 1)
        if not piece:
            raise StartFailed("the supervisor ended before the worker began")
        read += piece
    return bytes(read)


def _report(descriptor: int) -> None:
    with suppress(BrokenPipeError):  # the supervisor is gone: `_until_end` sees that too
        os.write(descriptor, b"ready\n")
    os.close(descriptor)


def _until_end(descriptor: int, server: Server) -> None:
    while os.read(descriptor, 4096):
        pass
    server.should_exit = True
