"""The server at 169.254.170.2: for credentials and metadata, and a relay to this very server.

The relay lets containers reach a server that listens on the loopback alone. It passes bytes on and
adds no right: every request is signed, or is what anybody may ask.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

from registry.ecs.endpoints.network import ADDRESS

if TYPE_CHECKING:
    from starlette.applications import Starlette

PORT, OTHER_PORT = 80, 51679
"""The second, which the ECS agent has for itself, where the first is not to be had."""
CHUNK = 64 * 1024

_log = logging.getLogger("moorage.ecs")


class Serving:
    """Listens once there is the address; what it listens on is told by `port` and `relay_port`."""

    def __init__(self, app: Starlette, server: tuple[str, int]) -> None:
        """`server` is where this server itself listens."""
        self._app = app
        self._server = server
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._uvicorn: uvicorn.Server | None = None
        self.port: int | None = None
        self.relay_port: int | None = None

    def ensure(self) -> None:
        """Listen, if it does not yet. Raises OSError where no port can be had."""
        with self._lock:
            if self._thread is not None:
                return
            found = _bound(PORT) or _bound(OTHER_PORT)
            if found is None:
                raise OSError(f"neither port {PORT} nor {OTHER_PORT} of {ADDRESS} can be had")
            relay = _bound(self._server[1])
            self.port, self.relay_port = found.getsockname()[1], self._server[1]
            self._uvicorn = uvicorn.Server(
                uvicorn.Config(self._app, log_config=None, access_log=False, lifespan="off")
            )
            self._thread = threading.Thread(
                target=self._run, args=(found, relay), name="moorage-ecs-endpoints", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        with self._lock:
            if self._thread is None or self._uvicorn is None:
                return
            self._uvicorn.should_exit = True
            self._thread.join(5)
            self._thread = None

    def _run(self, found: socket.socket, relay: socket.socket | None) -> None:
        asyncio.run(self._serve(found, relay))

    async def _serve(self, found: socket.socket, relay: socket.socket | None) -> None:
        assert self._uvicorn is not None  # noqa: S101 - made before the thread is
        async with contextlib.AsyncExitStack() as stack:
            if relay is not None:
                # Where the server itself listens on all addresses there is nothing to relay.
                relaying = await asyncio.start_server(self._relay, sock=relay)
                await stack.enter_async_context(relaying)
            await self._uvicorn.serve([found])

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = "127.0.0.1" if self._server[0] in {"0.0.0.0", "::"} else self._server[0]  # noqa: S104 - compared, not bound
        try:
            upstream, upward = await asyncio.open_connection(host, self._server[1])
        except OSError as error:
            _log.warning("a container cannot reach this server: %s", error)
            writer.close()
            return
        try:
            await asyncio.gather(_pass(reader, upward), _pass(upstream, writer))
        finally:
            for each in (upward, writer):
                each.close()
                with contextlib.suppress(OSError):
                    await each.wait_closed()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()  # one side may be done long before the other


def _bound(port: int) -> socket.socket | None:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((ADDRESS, port))
        made.listen(128)
    except OSError:
        made.close()
        return None
    return made
