"""A small application for tests of the transport: it sends and takes bodies of any size."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

from registry.http.body import Buffer, consume, read_all
from registry.http.logs import configure_logging
from registry.http.metrics import Metrics
from registry.http.observe import Observe
from registry.http.stream import TRANSFER, stream
from registry.values.errors import SizeInvalid, StorageUnavailable

PATTERN = bytes(range(256)) * 4096


def pattern(length: int) -> bytes:
    """The body that `/pull?length=` sends."""
    return (PATTERN * (length // len(PATTERN) + 1))[:length]


def create(argument: str) -> ASGIApp:
    """The application; `argument` may be "plain" to hide the fast path."""
    configure_logging("info", "json")
    metrics = Metrics()
    return Observe(Application(plain="plain" in argument, metrics=metrics), metrics)


@dataclass
class Call:
    scope: Scope
    receive: Receive
    send: Send
    query: dict[str, str]


class Application:
    """`GET /pull`, `PUT /push`, `GET /hello` and a few that misbehave."""

    def __init__(self, *, plain: bool = False, metrics: Metrics | None = None) -> None:
        self.plain = plain
        self._metrics = metrics or Metrics()
        self.open = 0
        self.headers: list[tuple[bytes, bytes]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if self.plain:
            scope["extensions"].pop(TRANSFER, None)
        query = {
            name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()
        }
        await getattr(self, scope["path"].strip("/"))(Call(scope, receive, send, query))

    async def hello(self, call: Call) -> None:
        fast = TRANSFER in call.scope["extensions"]
        text = {
            "scheme": call.scope["scheme"],
            "client": call.scope["client"][0],
            "fast": fast,
            "open": self.open,
        }
        await _answer(call.send, 200, json.dumps(text).encode())

    async def pull(self, call: Call) -> None:
        length = int(call.query["length"])
        await stream(
            call.scope,
            call.receive,
            call.send,
            status=200,
            headers=[(b"content-type", b"application/octet-stream")],
            length=length,
            chunks=self._chunks(
                int(call.query.get("given", length)), "fail" in call.query, call.query
            ),
        )

    def _chunks(
        self, length: int, fail: bool, query: dict[str, str]
    ) -> Generator[Buffer, None, None]:
        self.open += 1
        pause = float(query.get("pause", 0))
        try:
            while length > 0:
                given = memoryview(PATTERN)[:length]
                yield bytes(given) if "fresh" in query else given
                length -= len(PATTERN)
                if pause:
                    time.sleep(pause)
            if fail:
                raise StorageUnavailable("the disk is gone")
        finally:
            self.open -= 1

    async def push(self, call: Call) -> None:
        self.headers = call.scope["headers"]
        length = dict(self.headers).get(b"content-length")
        self.open += 1

        def work(chunks: Iterator[Buffer]) -> str:
            running = hashlib.sha256()
            for chunk in chunks:
                if "full" in call.query:
                    raise StorageUnavailable("no room")
                if "idle" not in call.query:
                    running.update(chunk)
            return running.hexdigest()

        try:
            found = await consume(
                call.receive, work, length=None if length is None else int(length)
            )
        except StorageUnavailable as error:
            await _answer(call.send, 503, str(error).encode())
        else:
            await _answer(call.send, 201, found.encode())
        finally:
            self.open -= 1

    async def small(self, call: Call) -> None:
        try:
            body = await read_all(call.receive, 1000)
        except SizeInvalid as error:
            await _answer(call.send, 413, str(error).encode())
        else:
            await _answer(call.send, 200, body)

    async def refuse(self, call: Call) -> None:
        await _answer(call.send, 401, b"no")

    async def unread(self, call: Call) -> None:
        """A body in one message that the client may never read."""
        await _answer(call.send, 200, bytes(int(call.query["length"])))

    async def sleep(self, call: Call) -> None:
        self.open += 1
        try:
            await asyncio.sleep(float(call.query["seconds"]))
        finally:
            self.open -= 1
        await _answer(call.send, 200, b"awake")

    async def metrics(self, call: Call) -> None:
        await _answer(call.send, 200, self._metrics.exposition())

    async def crash(self, call: Call) -> None:
        raise ValueError(f"the password is hunter2, {call.query}")


async def _answer(send: Send, status: int, body: bytes) -> None:
    head = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while (message := await receive())["type"] != "lifespan.shutdown":
        await send({"type": f"{message['type']}.complete"})
    await send({"type": "lifespan.shutdown.complete"})
