from __future__ import annotations

import asyncio
import hashlib
import random
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Message

from registry.http.body import BUFFER_SIZE, BUFFERS, Buffer, consume, read_all
from registry.values.errors import Interrupted, SizeInvalid, StorageFull
from tests.http.asgi import receiving


def collect(chunks: Iterator[Buffer]) -> bytes:
    return b"".join(bytes(chunk) for chunk in chunks)


def test_a_body_is_read_whole() -> None:
    assert asyncio.run(read_all(receiving([b"one", b"", b"two"]), 6)) == b"onetwo"
    assert asyncio.run(read_all(receiving([]), 0)) == b""


def test_a_body_over_the_limit_is_refused_before_its_end() -> None:
    with pytest.raises(SizeInvalid, match="longer than the 5 bytes allowed"):
        asyncio.run(read_all(receiving([b"one", b"two"], hang_up=True), 5))


def test_a_small_body_cut_short_is_interrupted() -> None:
    with pytest.raises(Interrupted, match="after 3 bytes"):
        asyncio.run(read_all(receiving([b"one"], hang_up=True), 100))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, BUFFER_SIZE + 70_000), max_size=12), st.booleans())
def test_the_work_sees_every_byte_in_order(sizes: list[int], announced: bool) -> None:
    parts = [random.Random(size).randbytes(size) for size in sizes]  # noqa: S311 - test data
    body = b"".join(parts)
    length = len(body) if announced else None
    assert asyncio.run(consume(receiving(parts), collect, length=length)) == body


def test_a_chunk_stays_the_works_own_until_the_next_is_asked_for() -> None:
    parts = [bytes([n]) * BUFFER_SIZE for n in range(4 * BUFFERS)]

    def slow(chunks: Iterator[Buffer]) -> list[bytes]:
        seen = []
        for chunk in chunks:
            time.sleep(0.005)  # the loop has filled every other buffer by now
            seen.append(bytes(chunk))
        return seen

    assert asyncio.run(consume(receiving(parts), slow, length=None)) == parts


def test_memory_is_a_ring_whatever_the_length() -> None:
    def buffers(chunks: Iterator[Buffer]) -> int:
        return len({id(memoryview(chunk).obj) for chunk in chunks})

    parts = [bytes(BUFFER_SIZE)] * 40
    assert asyncio.run(consume(receiving(parts), buffers, length=None)) <= BUFFERS


@pytest.mark.parametrize(("length", "limit"), [(5, None), (7, None), (None, 5)])
def test_a_wrong_size_reaches_the_work_and_the_caller(
    length: int | None, limit: int | None
) -> None:
    seen: list[BaseException] = []

    def work(chunks: Iterator[Buffer]) -> None:
        try:
            collect(chunks)
        except SizeInvalid as error:
            seen.append(error)
            raise

    with pytest.raises(SizeInvalid):
        asyncio.run(consume(receiving([b"abc", b"def"]), work, length=length, limit=limit))
    assert len(seen) == 1


def test_a_body_announced_too_long_is_refused_before_any_work() -> None:
    def work(_: Iterator[Buffer]) -> None:
        raise AssertionError("no work was due")

    with pytest.raises(SizeInvalid, match="11 bytes, more than the 10"):
        asyncio.run(consume(receiving([]), work, length=11, limit=10))


def test_a_client_that_hangs_up_interrupts_even_work_that_would_hide_it() -> None:
    def forgiving(chunks: Iterator[Buffer]) -> str:
        try:
            collect(chunks)
        except Interrupted:
            return "all is well"
        return "complete"

    with pytest.raises(Interrupted):
        asyncio.run(consume(receiving([b"abc"], hang_up=True), forgiving, length=9))


def test_what_the_work_raises_is_raised_at_once() -> None:
    def full(chunks: Iterator[Buffer]) -> None:
        next(chunks)
        raise StorageFull("no space left")

    async def endless() -> Message:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": bytes(65536), "more_body": True}

    with pytest.raises(StorageFull):
        asyncio.run(asyncio.wait_for(consume(endless, full, length=None), 10))


def test_work_may_fail_while_the_client_says_nothing() -> None:
    def broken(_: Iterator[Buffer]) -> None:
        raise StorageFull("no space left")

    async def silent() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(StorageFull):
        asyncio.run(asyncio.wait_for(consume(silent, broken, length=None), 10))


def test_a_cancelled_request_ends_its_work_first() -> None:
    ended = threading.Event()

    def work(chunks: Iterator[Buffer]) -> None:
        try:
            collect(chunks)
        finally:
            time.sleep(0.05)
            ended.set()

    async def main() -> None:
        async def silent() -> Message:
            await asyncio.Event().wait()
            raise AssertionError

        task = asyncio.ensure_future(consume(silent, work, length=None))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()

    asyncio.run(main())


def test_many_bodies_at_once_keep_apart() -> None:
    def digest(chunks: Iterator[Buffer]) -> str:
        running = hashlib.sha256()
        for chunk in chunks:
            running.update(chunk)
        return running.hexdigest()

    async def main() -> None:
        bodies = [[bytes([n]) * 100_000] * 20 for n in range(16)]
        found = await asyncio.gather(
            *(consume(receiving(parts), digest, length=None) for parts in bodies)
        )
        assert found == [hashlib.sha256(b"".join(parts)).hexdigest() for parts in bodies]

    asyncio.run(main())
    assert not [t for t in threading.enumerate() if t.name == "moorage-body" and t.is_alive()]
