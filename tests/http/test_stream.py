from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator

import pytest
from starlette.types import Message, Scope

from registry.http.body import Buffer
from registry.http.stream import stream
from registry.values.errors import Damaged, StorageUnavailable
from tests.http.asgi import Sent, receiving

PARTS = [bytes([n]) * 70_000 for n in range(20)]
BODY = b"".join(PARTS)


class Source:
    """A generator, and what became of it."""

    def __init__(self, parts: list[bytes], error: Exception | None = None) -> None:
        self.given = 0
        self.closed = False
        self.chunks = self._chunks(parts, error)
        self.threads: set[str] = set()

    def _chunks(self, parts: list[bytes], error: Exception | None) -> Generator[Buffer, None, None]:
        try:
            for part in parts:
                self.threads.add(threading.current_thread().name)
                self.given += 1
                yield part
            if error is not None:
                raise error
        finally:
            self.closed = True


def scope(method: str = "GET", **extensions: object) -> Scope:
    return {"type": "http", "method": method, "extensions": extensions}


async def answer(source: Source, send: Sent, length: int, **kwargs: object) -> int:
    return await stream(
        scope(**kwargs),  # type: ignore[arg-type]  # the method's name and extensions
        receiving([]),
        send,
        status=206,
        headers=[(b"etag", b"x")],
        length=length,
        chunks=source.chunks,
    )


def test_the_whole_body_is_sent_by_one_thread_that_is_not_the_loops() -> None:
    source, send = Source(PARTS), Sent()
    assert asyncio.run(answer(source, send, len(BODY))) == len(BODY)
    assert send.messages[0]["status"] == 206
    assert send.messages[0]["headers"] == [
        (b"etag", b"x"),
        (b"content-length", str(len(BODY)).encode()),
    ]
    assert send.body == BODY
    assert send.complete
    assert source.closed
    assert source.threads == {"moorage-stream"}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_empty_answer_needs_no_thread(method: str) -> None:
    source, send = Source([] if method == "GET" else PARTS), Sent()
    length = 0 if method == "GET" else len(BODY)
    next(source.chunks, None)
    assert asyncio.run(answer(source, send, length, method=method)) == 0
    assert send.body == b""
    assert send.complete
    assert source.closed


@pytest.mark.parametrize("length", [len(BODY) - 1, len(BODY) + 1])
def test_a_source_of_another_length_never_looks_complete(length: int) -> None:
    source, send, cuts = Source(PARTS), Sent(), []
    with pytest.raises(Damaged):
        asyncio.run(answer(source, send, length, **{"moorage.abort": lambda: cuts.append(1)}))
    assert not send.complete
    assert len(send.body) < length or length < len(BODY)
    assert len(send.body) < len(BODY) + 1
    assert cuts == [1]
    assert source.closed


def test_a_failing_source_cuts_the_connection_and_says_why() -> None:
    source, send, cuts = Source(PARTS, StorageUnavailable("the disk is gone")), Sent(), []
    with pytest.raises(StorageUnavailable):
        asyncio.run(answer(source, send, 10**9, **{"moorage.abort": lambda: cuts.append(1)}))
    assert not send.complete
    assert cuts == [1]


def test_a_client_that_hangs_up_stops_the_source_quietly() -> None:
    source, send = Source(PARTS * 100), Sent()
    leaving = asyncio.Event()

    async def receive() -> Message:
        await leaving.wait()
        return {"type": "http.disconnect"}

    async def sending(message: Message) -> None:
        await send(message)
        if len(send.messages) == 4:
            leaving.set()
        await asyncio.sleep(0.001)

    async def main() -> int:
        return await stream(
            scope(), receive, sending, status=200, headers=[], length=10**9, chunks=source.chunks
        )

    assert asyncio.run(main()) < len(BODY)
    assert not send.complete
    assert source.closed
    assert source.given < 20


def test_a_slow_client_is_never_overtaken_by_much() -> None:
    source, send = Source(PARTS), Sent()
    ahead: list[int] = []

    async def slow(message: Message) -> None:
        await asyncio.sleep(0.003)
        await send(message)
        ahead.append(source.given - (len(send.messages) - 1))

    async def main() -> None:
        await stream(
            scope(),
            receiving([]),
            slow,
            status=200,
            headers=[],
            length=len(BODY),
            chunks=source.chunks,
        )

    asyncio.run(main())
    assert max(ahead) <= 2


def test_a_cancelled_transfer_closes_its_source() -> None:
    source = Source(PARTS)
    started = asyncio.Event()

    async def stuck(message: Message) -> None:
        if message["type"] == "http.response.body":
            started.set()
            await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.ensure_future(
            stream(
                scope(),
                receiving([]),
                stuck,
                status=200,
                headers=[],
                length=len(BODY),
                chunks=source.chunks,
            )
        )
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert source.closed

    asyncio.run(main())


def test_a_head_that_cannot_be_sent_closes_the_source() -> None:
    source = Source(PARTS)
    next(source.chunks)

    async def broken(_: Message) -> None:
        raise RuntimeError("no")

    async def main() -> None:
        await stream(
            scope(), receiving([]), broken, status=200, headers=[], length=1, chunks=source.chunks
        )

    with pytest.raises(RuntimeError):
        asyncio.run(main())
    assert source.closed
