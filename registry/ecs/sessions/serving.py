"""The WebSocket that Session Manager's plugin connects to, one per session.

Source: aws/session-manager-plugin, `src/datachannel/streaming.go` (OpenDataChannelInput comes
first, as text, then binary messages); ECS Developer Guide, "Monitor Amazon ECS containers with
ECS Exec" (a session ends after 20 minutes without a byte).
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.websockets import WebSocket, WebSocketDisconnect

from registry.ecs.sessions import commands
from registry.ecs.sessions.channel import PIECE_BYTES, Channel, Input, Ready, Resized, Terminated
from registry.ecs.sessions.messages import BadMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

    from registry.ecs.agent.engine import Engine
    from registry.ecs.sessions.commands import Command
    from registry.ecs.sessions.tickets import Tickets, Wanted

PATH = "/v1/data-channel/"
SESSIONS_MAX = 100
"""Sessions that one process has at a time."""
OPENING_SECONDS = 20.0
"""Within which the client sends its token."""
IDLE_SECONDS = 20 * 60.0
SETTLE_SECONDS = 10.0
"""How long the end of a session waits for the client to have all output."""
TICK_SECONDS = 0.05
REFUSED, TOO_MANY = 1008, 1013
"""Close codes (RFC 6455 7.4.1): the policy is violated; try again later."""

_log = logging.getLogger("moorage.ecs.session")


class Sessions:
    """An ASGI application of WebSockets."""

    def __init__(self, tickets: Tickets, engine: Callable[[], Engine]) -> None:
        """`engine` is called when the first session is opened."""
        self._tickets = tickets
        self._engine = engine
        self._opened: Engine | None = None
        self._count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one."""
        socket = WebSocket(scope, receive, send)
        await socket.accept()
        self._count += 1
        try:
            with suppress(WebSocketDisconnect):
                await self._serve(socket, scope["path"].removeprefix(PATH))
        finally:
            self._count -= 1

    async def _serve(self, socket: WebSocket, number: str) -> None:
        if self._count > SESSIONS_MAX:
            await socket.close(TOO_MANY, "too many sessions")
            return
        wanted = await self._redeemed(socket, number)
        if wanted is None:
            await socket.close(REFUSED, "the token is not good for this session, or no more")
            return
        about = f"{number} task={wanted.task_arn} container={wanted.container}"
        _log.info("session begins: %s principal=%s", about, wanted.principal)
        try:
            await Session(socket, number, wanted, self._engine_now()).run()
        finally:
            _log.info("session ends: %s", about)

    async def _redeemed(self, socket: WebSocket, number: str) -> Wanted | None:
        try:
            async with asyncio.timeout(OPENING_SECONDS):
                opening = json.loads(await socket.receive_text())
            token = opening["TokenValue"]
        except (TimeoutError, ValueError, KeyError, TypeError):
            return None
        if not isinstance(token, str):
            return None
        return await asyncio.to_thread(self._tickets.redeem, number, token)

    def _engine_now(self) -> Engine:
        if self._opened is None:
            self._opened = self._engine()
        return self._opened


class Session:
    """One command, one terminal, one client."""

    def __init__(self, socket: WebSocket, number: str, wanted: Wanted, engine: Engine) -> None:
        self._socket = socket
        self._wanted = wanted
        self._engine = engine
        self._channel = Channel(number)
        self._changed = asyncio.Event()
        self._size: tuple[int, int] | None = None
        self._command: Command | None = None
        self._typed: asyncio.Queue[Input | Resized] = asyncio.Queue(256)
        self._active = time.monotonic()
        self._ready = asyncio.Event()
        self._writing = asyncio.Lock()

    async def run(self) -> None:
        """Until the command ends, the client does, or neither says anything for long."""
        self._channel.begin(time.monotonic())
        works = (self._listen(), self._resend(), self._idle(), self._converse())
        tasks = [asyncio.create_task(work) for work in works]
        try:
            await self._flush()
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await self._end(next(iter(done)).result())
        except BadMessage as error:
            await self._socket.close(REFUSED, str(error)[:100])
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._command is not None:
                await self._command.close()

    async def _end(self, reason: str) -> None:
        self._channel.close(reason)
        await self._flush()
        await self._socket.close()

    async def _flush(self) -> None:
        async with self._writing:
            for data in self._channel.take():
                await self._socket.send_bytes(data)

    # What ends a session: each returns the reason that the client is told, if any.

    async def _listen(self) -> str:
        while True:
            data = await self._socket.receive_bytes()
            for event in self._channel.receive(data, time.monotonic()):
                if isinstance(event, Terminated):
                    return ""
                if isinstance(event, Ready):
                    self._ready.set()
                else:
                    self._active = time.monotonic()
                    await self._typed.put(event)
            self._changed.set()
            await self._flush()

    async def _resend(self) -> str:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._channel.tick(time.monotonic())
            await self._flush()

    async def _idle(self) -> str:
        left = IDLE_SECONDS
        while left > 0:
            await asyncio.sleep(left)
            left = self._active + IDLE_SECONDS - time.monotonic()
        return f"The session ended after {IDLE_SECONDS / 60:g} minutes without a byte."

    async def _converse(self) -> str:
        async with asyncio.timeout(SETTLE_SECONDS):
            await self._ready.wait()
        try:
            command = await commands.start(
                self._engine, self._wanted.runtime_id, self._wanted.arguments
            )
        except commands.CommandRefused as error:
            await self._write(f"Unable to start command: {error}\r\n".encode())
            await self._settled()
            return ""
        self._command = command
        typing = asyncio.create_task(self._type(command))
        try:
            while data := await command.read(PIECE_BYTES):
                self._active = time.monotonic()
                await self._write(data)
        finally:
            typing.cancel()
        await self._settled()
        return ""

    async def _type(self, command: Command) -> None:
        while True:
            event = await self._typed.get()
            if isinstance(event, Resized):
                await command.resize(event.columns, event.rows)
            else:
                await command.write(event.data)

    async def _write(self, data: bytes) -> None:
        await self._until(lambda: self._channel.room)
        self._channel.write(data, time.monotonic())
        await self._flush()

    async def _settled(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                await self._until(lambda: self._channel.settled)

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self._changed.clear()
            await self._changed.wait()
