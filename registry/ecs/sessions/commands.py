"""A command in a running container, with a terminal: its bytes, its size, its end.

Source: Docker Engine API, "Create an exec instance", "Start an exec instance" (whose connection
becomes the terminal's), "Resize an exec instance".
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.ecs.agent.engine import Engine

_HEAD_SECONDS = 60.0
_HANGUP_SECONDS = 0.5
"""Between the hangup and the kill."""
_UPGRADED = re.compile(rb"HTTP/1\.1 (101|200) ")
_ENVIRONMENT = ["TERM=xterm-256color"]


class CommandRefused(Exception):
    """The engine does not start it; the text says why."""


class Command:
    """One command that runs."""

    def __init__(
        self,
        engine: Engine,
        number: str,
        container: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._engine = engine
        self._number = number
        self._container = container
        self._reader = reader
        self._writer = writer

    async def read(self, size: int) -> bytes:
        """What it wrote, at most so many bytes; nothing at its end."""
        with contextlib.suppress(ConnectionError):
            return await self._reader.read(size)
        return b""

    async def write(self, data: bytes) -> None:
        """Type this. Waits while the command does not read."""
        with contextlib.suppress(ConnectionError):
            self._writer.write(data)
            await self._writer.drain()

    async def resize(self, columns: int, rows: int) -> None:
        """Give its terminal another size; a command that has ended has none."""
        call = self._engine.call
        with contextlib.suppress(Exception):
            await asyncio.to_thread(
                call, lambda client: client.exec_resize(self._number, rows, columns)
            )

    async def close(self) -> None:
        """End it with what it runs on its terminal, if it has not ended by itself."""
        self._writer.close()
        with contextlib.suppress(Exception):
            await asyncio.to_thread(self._end)

    def _end(self) -> None:
        shown: dict[str, Any] = self._engine.call(lambda c: c.exec_inspect(self._number))
        number = int(shown.get("Pid") or 0)
        if not shown.get("Running") or not number:
            return
        # It leads a session of its own; when it ends, the kernel hangs up on all on its terminal.
        for each in (signal.SIGHUP, signal.SIGKILL):
            if self._is_of_container(number):
                os.kill(number, each)
                time.sleep(_HANGUP_SECONDS)

    def _is_of_container(self, number: int) -> bool:
        """The engine's process ids are this machine's only where its containers are seen here."""
        group = Path(f"/proc/{number}/cgroup").read_text(encoding="utf-8")
        return self._container in group


async def start(engine: Engine, container: str, arguments: Sequence[str]) -> Command:
    """Run `arguments` as root in the container of that id, as ECS does. Raises CommandRefused."""
    try:
        created = await asyncio.to_thread(
            engine.call,
            lambda client: client.exec_create(
                container,
                list(arguments),
                stdin=True,
                tty=True,
                user="0",
                environment=_ENVIRONMENT,
            ),
        )
    except Exception as error:
        raise CommandRefused(str(error)) from error
    number = str(created["Id"])
    reader, writer = await _connected(engine.url)
    try:
        async with asyncio.timeout(_HEAD_SECONDS):
            await _upgraded(reader, writer, number)
    except (CommandRefused, OSError, asyncio.IncompleteReadError, TimeoutError) as error:
        writer.close()
        raise CommandRefused(str(error)) from error
    return Command(engine, number, container, reader, writer)


async def _connected(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(url)
    try:
        if parts.scheme in {"unix", "http+unix"}:
            return await asyncio.open_unix_connection(parts.path)
        return await asyncio.open_connection(parts.hostname, parts.port or 2375)
    except OSError as error:
        raise CommandRefused(str(error)) from error


async def _upgraded(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: str
) -> None:
    """Ask for the start, and read no byte more than the answer's head: what follows it is the
    command's own."""
    body = json.dumps({"Detach": False, "Tty": True}).encode()
    head = (
        f"POST /exec/{number}/start HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\n"
        f"Upgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    answer = await reader.readuntil(b"\r\n\r\n")
    if not _UPGRADED.match(answer):
        said = await reader.read(4096)
        raise CommandRefused(said.decode("utf-8", "replace").strip() or "the engine said no")
