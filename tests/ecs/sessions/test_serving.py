"""A whole session: a WebSocket's messages in, a command in a real container behind it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from registry.database.database import Database
from registry.ecs.agent.engine import Engine
from registry.ecs.sessions.messages import Payload
from registry.ecs.sessions.serving import PATH, Sessions
from registry.ecs.sessions.tickets import Tickets, Wanted
from registry.ecs.store.tables import metadata
from tests.clients.engine import docker_engine
from tests.ecs.sessions.plugin import Plugin
from tests.tools import require_tool

SECONDS = 40


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with docker_engine() as host:
        engine = Engine(host)
        yield engine
        engine.close()


@pytest.fixture(scope="module")
def container(engine: Engine) -> Iterator[str]:
    """The id of one that runs, with busybox in it."""
    docker = [str(require_tool("docker")), "-H", engine.url]
    busybox = require_tool("busybox")
    made = subprocess.run(["tar", "-cC", str(busybox.parent), busybox.name],
                          stdout=subprocess.PIPE, check=True)  # fmt: skip
    changes = ["-c", 'CMD ["/busybox","sleep","1000"]']
    image = subprocess.run([*docker, "import", *changes, "-"], input=made.stdout,
                           stdout=subprocess.PIPE, check=True).stdout.decode().strip()  # fmt: skip
    begun = subprocess.run([*docker, "run", "-d", "--network=none", image],
                           stdout=subprocess.PIPE, check=True).stdout.decode().strip()  # fmt: skip
    yield begun
    subprocess.run([*docker, "rm", "-f", begun], stdout=subprocess.DEVNULL, check=True)
    subprocess.run([*docker, "image", "rm", image], stdout=subprocess.DEVNULL, check=True)


class Client:
    """A plugin on a WebSocket of an ASGI application."""

    def __init__(self) -> None:
        self.plugin = Plugin()
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.close_code: int | None = None
        self.changed = asyncio.Event()

    async def send(self, message: Any) -> None:
        """What the application sends."""
        if message["type"] == "websocket.send":
            self.plugin.receive(message["bytes"])
            self.flush()
        elif message["type"] == "websocket.close":
            self.close_code = message["code"]
        self.changed.set()

    def flush(self) -> None:
        for data in self.plugin.outgoing:
            self.inbox.put_nowait({"type": "websocket.receive", "bytes": data})
        self.plugin.outgoing.clear()

    def type(self, text: str, payload_type: Payload = Payload.OUTPUT) -> None:
        self.plugin.send(text.encode(), payload_type)
        self.flush()

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(SECONDS):
            while not holds():
                self.changed.clear()
                await self.changed.wait()

    async def shows(self, text: str) -> None:
        await self.until(lambda: text.encode() in self.plugin.output)

    async def ends(self) -> None:
        await self.until(lambda: self.close_code is not None)


class Rig:
    """Sessions over one container."""

    def __init__(self, folder: Path, engine: Engine, container: str) -> None:
        self.database = Database(folder / "ecs.db")
        with self.database.write() as connection:
            metadata.create_all(connection)
        self.tickets = Tickets(self.database)
        self.sessions = Sessions(self.tickets, lambda: engine)
        self.container = container

    @asynccontextmanager
    async def session(self, *arguments: str, token: str | None = None) -> AsyncIterator[Client]:
        wanted = Wanted("arn:task", "app", self.container, arguments, "arn:user")
        number, issued = self.tickets.issue(wanted)
        client = Client()
        client.inbox.put_nowait({"type": "websocket.connect"})
        opening = json.dumps({"TokenValue": token or issued})
        client.inbox.put_nowait({"type": "websocket.receive", "text": opening})
        scope: Any = {
            "type": "websocket",
            "path": PATH + number,
            "headers": [],
            "query_string": b"",
        }
        served = asyncio.create_task(self.sessions(scope, client.inbox.get, client.send))
        try:
            yield client
        finally:
            client.inbox.put_nowait({"type": "websocket.disconnect", "code": 1006})
            async with asyncio.timeout(SECONDS):
                await served

    def running(self, engine: Engine) -> str:
        """The commands that run in the container."""
        return json.dumps(engine.call(lambda client: client.top(self.container)))


@pytest.fixture
def rig(tmp_path: Path, engine: Engine, container: str) -> Iterator[Rig]:
    rig = Rig(tmp_path, engine, container)
    yield rig
    rig.database.close()


def test_a_shell_has_all_that_a_terminal_has(rig: Rig) -> None:
    async def scenario() -> None:
        async with rig.session("/busybox", "sh") as client:
            await client.shows("# ")
            client.type('{"cols": 111, "rows": 30}', Payload.SIZE)
            client.type("/busybox echo h$((1+1))é€😀\n")
            await client.shows("h2é€😀")
            client.type("/busybox sh -c 'echo r$((3+3))dy; exec /busybox sleep 999'\n")
            await client.shows("r6dy")
            client.type("\x03")
            await client.until(lambda: b"# " in client.plugin.output.rpartition(b"^C")[2])
            client.type("/busybox stty size\n")
            await client.shows("30 111")
            client.type("exit\n")
            await client.ends()
            assert client.plugin.closed["Output"] == ""
            assert client.close_code == 1000

    asyncio.run(scenario())


def test_much_output_comes_whole(rig: Rig) -> None:
    script = "/busybox yes 0123456789 | /busybox head -100000"

    async def scenario() -> None:
        async with rig.session("/busybox", "sh", "-c", script) as client:
            await client.ends()
            assert bytes(client.plugin.output) == b"0123456789\r\n" * 100_000

    asyncio.run(scenario())


def test_what_cannot_be_started_says_why(rig: Rig) -> None:
    async def scenario() -> None:
        async with rig.session("/nothing") as client:
            await client.ends()
            assert b"/nothing" in client.plugin.output

    asyncio.run(scenario())


def test_a_wrong_token_opens_nothing(rig: Rig) -> None:
    async def scenario() -> None:
        async with rig.session("/busybox", "id", token="wrong") as client:
            await client.ends()
            assert client.close_code == 1008
            assert not client.plugin.requested

    asyncio.run(scenario())


def test_a_message_that_is_none_ends_the_session(rig: Rig) -> None:
    async def scenario() -> None:
        async with rig.session("/busybox", "sleep", "876") as client:
            client.inbox.put_nowait({"type": "websocket.receive", "bytes": b"nonsense"})
            await client.ends()
            assert client.close_code == 1008

    asyncio.run(scenario())


@pytest.mark.parametrize("politely", [True, False])
def test_what_a_client_leaves_behind_is_ended(rig: Rig, engine: Engine, politely: bool) -> None:
    async def scenario() -> None:
        async with rig.session("/busybox", "sh", "-c", "echo on; /busybox sleep 987") as client:
            await client.shows("on")
            if politely:
                client.plugin.send((2).to_bytes(4, "big"), Payload.FLAG)
                client.flush()
                await client.ends()

    asyncio.run(scenario())
    deadline = time.monotonic() + SECONDS
    while "987" in rig.running(engine):
        assert time.monotonic() < deadline
        time.sleep(0.05)
