"""Response bodies of known length, taken from a synchronous generator.

The generator may block (a disk, an object store, a cipher), so it runs in one thread that lives
as long as the transfer. Under this server's own protocol class that thread writes the socket
too (`registry/http/connection.py`); under any other server, or TLS, it hands each buffer to the
event loop, one ahead of the client.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator, Iterable
from typing import Protocol

from starlette.types import Receive, Scope, Send

from registry.http.body import Buffer
from registry.http.threads import in_thread, settled
from registry.values.errors import Damaged

TRANSFER = "moorage.transfer"
"""The ASGI extension by which a thread may write the connection's socket."""

ABORT = "moorage.abort"
"""The ASGI extension that cuts the connection: a callable without arguments."""

AHEAD = 1
"""Buffers of a plain transfer on their way to the client: the server itself holds one more."""

Headers = Iterable[tuple[bytes, bytes]]
Chunks = Generator[Buffer, None, None]


class Transfer(Protocol):
    """What stands in `scope["extensions"]["moorage.transfer"]` where the fast path can serve."""

    sent: int
    """Bytes of the body that went out so far."""

    def ready(self) -> bool:
        """Whether the connection can be taken over now; otherwise send plainly."""

    async def run(self, chunks: Chunks) -> bool:
        """Write the chunks, which come to the announced length, and close them.

        True when all of it went out, False when the client is gone. Raises what the source
        raises; the connection is cut then.
        """


async def stream(
    scope: Scope,
    receive: Receive,
    send: Send,
    *,
    status: int,
    headers: Headers,
    length: int,
    chunks: Chunks,
) -> int:
    """Answer with `length` bytes out of `chunks`; the number of bytes sent.

    `content-length` is added to the headers. Fewer bytes than `length` means that the client
    hung up. What the source raises is raised here after the connection was cut, so that no
    client takes a short body for a complete one; a source with too few or too many bytes raises
    Damaged. `chunks` is always closed, in the thread that ran it.
    """
    head = [*headers, (b"content-length", b"%d" % length)]
    try:
        await send({"type": "http.response.start", "status": status, "headers": head})
        return await _body(scope, receive, send, length, chunks)
    finally:
        chunks.close()


async def _body(scope: Scope, receive: Receive, send: Send, length: int, chunks: Chunks) -> int:
    if scope["method"] == "HEAD" or length == 0:
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return 0
    body = _checked(chunks, length)
    transfer: Transfer | None = scope.get("extensions", {}).get(TRANSFER)
    if transfer is not None and transfer.ready():
        return await _direct(transfer, send, body)
    return await _plain(scope, receive, send, body)


def _checked(chunks: Chunks, length: int) -> Chunks:
    """The chunks, which must come to `length` bytes: more are never given out."""
    total = 0
    try:
        for chunk in chunks:
            total += len(chunk)
            if total > length:
                break
            if chunk:
                yield chunk
            del chunk  # or it would live on while the next one is made
    finally:
        chunks.close()
    if total != length:
        raise Damaged(f"stored content ends after {total} bytes, not {length}")


async def _direct(transfer: Transfer, send: Send, body: Chunks) -> int:
    if await transfer.run(body):
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    return transfer.sent


async def _plain(scope: Scope, receive: Receive, send: Send, body: Chunks) -> int:
    source = _Source(body)
    watch = asyncio.ensure_future(_hang_up(receive))
    watch.add_done_callback(source.gone)
    sent = 0
    try:
        while (chunk := await source.take()) is not None:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            source.sent()
            sent += len(chunk)
        if not watch.done():
            await send({"type": "http.response.body", "body": b"", "more_body": False})
    except BaseException:
        abort(scope)
        raise
    finally:
        watch.cancel()
        await source.close()
    return sent


def abort(scope: Scope) -> None:
    """Cut the connection where the server can; elsewhere the exception that follows does it."""
    cut = scope.get("extensions", {}).get(ABORT)
    if cut is not None:
        cut()


async def _hang_up(receive: Receive) -> None:
    """Return when the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


class _Source:
    """A thread that runs the generator, `AHEAD` buffers before the client at most."""

    def __init__(self, chunks: Chunks) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Queue[Buffer | BaseException | None] = asyncio.Queue()
        self._room = threading.Semaphore(AHEAD)
        self._stopped = False
        self._ended = in_thread("moorage-stream", lambda: self._run(chunks))

    def _run(self, chunks: Chunks) -> None:
        end: BaseException | None = None
        try:
            while self._room.acquire() and not self._stopped:
                if (chunk := next(chunks, None)) is None:
                    break
                self._loop.call_soon_threadsafe(self._ready.put_nowait, chunk)
                del chunk
        except BaseException as error:  # noqa: BLE001 - it is raised again in the request's task
            end = error
        finally:
            chunks.close()
            self._loop.call_soon_threadsafe(self._ready.put_nowait, end)

    async def take(self) -> Buffer | None:
        """The next buffer, None at the end. Raises what the source raised."""
        item = await self._ready.get()
        if isinstance(item, BaseException):
            raise item
        return None if self._stopped else item

    def sent(self) -> None:
        """One buffer is out: the thread may go for another."""
        self._room.release()

    def gone(self, watch: asyncio.Future[None]) -> None:
        """The client is gone: stop the thread, wake whoever waits."""
        if not watch.cancelled():
            watch.exception()  # a server that fails in `receive` has lost the client too
        self._stop()
        self._ready.put_nowait(None)

    async def close(self) -> None:
        """Stop the thread and wait until it has let go of the generator."""
        self._stop()
        await settled(self._ended)

    def _stop(self) -> None:
        self._stopped = True
        self._room.release()
