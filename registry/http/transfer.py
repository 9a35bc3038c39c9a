"""A thread that writes a response body straight to the connection's socket.

The event loop lets go of the socket while the thread has it: nothing is read, and everything
that the loop had to write is in the kernel before the thread begins. The kernel's buffer stays
non-blocking, as the loop needs it, so the thread waits with poll where it is full.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable

from registry.http.body import Buffer
from registry.http.stream import Chunks
from registry.http.threads import in_thread, settled


class ClientGone(Exception):
    """The other end closed its connection, or reads no more."""


class SocketWriter:
    """Writes to a duplicate of the connection's socket, from any thread."""

    def __init__(self, descriptor: int, patience: float) -> None:
        """Duplicate the descriptor; `patience` is how many seconds a client may not read."""
        self.sent = 0
        self._socket = socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM)
        self._patience = patience

    async def run(self, chunks: Chunks) -> None:
        """Do `write_all` in a thread of its own; over when that is, also if cancelled."""
        writing = in_thread("moorage-transfer", lambda: self.write_all(chunks))
        try:
            await asyncio.wait({writing})
        finally:
            if not writing.done():  # the request is cancelled
                self.interrupt()
                await settled(writing)
        writing.result()

    def write_all(self, chunks: Chunks) -> None:
        """Write every chunk and close the source.

        Raises ClientGone, and whatever the source raises.
        """
        try:
            poll = select.poll()
            poll.register(self._socket, select.POLLOUT)
            for chunk in chunks:
                self._write(chunk, poll.poll)
                del chunk  # or it would live on while the next one is made
        finally:
            chunks.close()

    def _write(self, chunk: Buffer, wait: Callable[[float], list[tuple[int, int]]]) -> None:
        rest = memoryview(chunk)
        while rest:
            try:
                written = self._socket.send(rest)
            except BlockingIOError:
                if not wait(self._patience * 1000):
                    raise ClientGone(f"nothing read for {self._patience:g} s") from None
            except OSError as error:
                raise ClientGone(error.strerror) from error
            else:
                self.sent += written
                rest = rest[written:]

    def interrupt(self) -> None:
        """Make a thread that writes, or is about to, raise ClientGone."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the connection is gone already, which is as good

    def close(self) -> None:
        """Give the duplicate back. Not while a thread writes."""
        self._socket.close()
