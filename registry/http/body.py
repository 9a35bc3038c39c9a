"""Request bodies: handed to synchronous code in a thread, or read whole where they are small.

A body of any size goes through a ring of a few buffers that are filled on the event loop and
emptied by one thread that lives as long as the body does. A hop between the two costs about
what copying 100 KiB does, so there is one hop a buffer, not one a message.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import closing
from queue import SimpleQueue
from typing import Any, TypeVar

from starlette.types import Receive

from registry.http.threads import in_thread, settled
from registry.values.errors import Interrupted, SizeInvalid

Buffer = bytes | bytearray | memoryview
T = TypeVar("T")

BUFFER_SIZE = 384 * 1024
"""Bytes in one buffer of a ring."""

BUFFERS = 3
"""Buffers in a ring: 32 bodies at once hold at most 36 MiB."""


async def read_all(receive: Receive, limit: int) -> bytes:
    """The whole body, at most `limit` bytes.

    Raises SizeInvalid as soon as the body passes the limit and Interrupted when the client
    hangs up before its end.
    """
    return b"".join([data async for data in _arriving(receive, None, limit)])


async def consume(
    receive: Receive,
    work: Callable[[Iterator[Buffer]], T],
    *,
    length: int | None,
    limit: int | None = None,
) -> T:
    """What `work(chunks)` returns, run in a thread of its own that is fed with the body.

    `length` is the announced Content-Length, None where the body is chunked; `limit` the most
    bytes that are accepted; both in bytes. A buffer out of `chunks` may be used until the next
    one is asked for. When the client hangs up, `chunks` and then `consume` raise Interrupted;
    when the body is not `length` bytes long or passes `limit`, SizeInvalid. What `work` itself
    raises goes on to the caller at once, the rest of the body unread. Whatever happens, the
    work has ended when this returns or raises.
    """
    if length is not None and limit is not None and length > limit:
        raise SizeInvalid(f"the body has {length} bytes, more than the {limit} allowed")
    ring = _Ring(asyncio.get_running_loop())
    working = in_thread("moorage-body", lambda: _worked(work, ring))
    feeding = asyncio.ensure_future(_feed(receive, ring, length, limit))
    both: set[asyncio.Future[Any]] = {feeding, working}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if feeding.done():
            feeding.result()
            await asyncio.wait({working})
        return working.result()
    finally:
        await _end(feeding, ring, working)


def _worked(work: Callable[[Iterator[Buffer]], T], ring: _Ring) -> T:
    with closing(ring.chunks()) as chunks:
        return work(chunks)


async def _end(feeding: asyncio.Future[None], ring: _Ring, working: asyncio.Future[T]) -> None:
    """End both sides; the work learns why and is waited for, even by a cancelled request."""
    failed = feeding.done() and not feeding.cancelled()
    error = feeding.exception() if failed else None
    feeding.cancel()
    ring.fail(error or Interrupted("the request ended before its body was complete"))
    await settled(working)


async def _arriving(
    receive: Receive, length: int | None, limit: int | None
) -> AsyncIterator[bytes]:
    """The body's messages, checked against what was announced and what is allowed."""
    total, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Interrupted(f"the client hung up after {total} bytes of its body")
        data: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        total += len(data)
        if limit is not None and total > limit:
            raise SizeInvalid(f"the body is longer than the {limit} bytes allowed")
        if length is not None and (total > length or (not more and total < length)):
            raise SizeInvalid(f"the body has {total} bytes, not the {length} announced")
        if data:
            yield data


async def _feed(receive: Receive, ring: _Ring, length: int | None, limit: int | None) -> None:
    """Copy the body into the ring until its end."""
    async for data in _arriving(receive, length, limit):
        rest = memoryview(data)
        while rest:
            rest = rest[await ring.fill(rest) :]
    ring.finish()


class _Ring:
    """Buffers that go round: filled on the loop, emptied in the thread, then filled again."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._made = 0
        self._free: asyncio.Queue[memoryview] = asyncio.Queue()
        self._filled: SimpleQueue[memoryview | BaseException | None] = SimpleQueue()
        self._current: memoryview | None = None
        self._used = 0

    async def fill(self, data: memoryview) -> int:
        """Copy what fits of `data` into the current buffer; the number of bytes taken."""
        if self._current is None:
            self._current, self._used = await self._next(), 0
        taken = min(len(data), BUFFER_SIZE - self._used)
        self._current[self._used : self._used + taken] = data[:taken]
        self._used += taken
        if self._used == BUFFER_SIZE:
            self._hand_over()
        return taken

    def finish(self) -> None:
        """The body is complete."""
        self._hand_over()
        self._filled.put(None)

    def fail(self, error: BaseException) -> None:
        """Let whoever asks for the next chunk have the error."""
        self._filled.put(error)

    def chunks(self) -> Generator[Buffer, None, None]:
        """The filled buffers, in the thread's hands until the next is asked for."""
        while (item := self._filled.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
            self._loop.call_soon_threadsafe(self._free.put_nowait, item)

    async def _next(self) -> memoryview:
        if self._free.empty() and self._made < BUFFERS:
            self._made += 1
            return memoryview(bytearray(BUFFER_SIZE))
        used = await self._free.get()
        return memoryview(used.obj)

    def _hand_over(self) -> None:
        if self._current is not None:
            self._filled.put(self._current[: self._used])
            self._current = None
