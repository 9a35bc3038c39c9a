"""Hash an upload while its bytes are being stored.

sha256 is the slowest step of a push (1.5 to 2 GB/s a core), encryption and writing the next.
Run one after the other they add up; here a second thread hashes each buffer while the thread
that asked for it encrypts and writes it, so that the slower of the two sets the pace.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator
from queue import SimpleQueue

from registry.storage.driver import Buffer
from registry.values.digest import CANONICAL, Digest, hasher

WORTH_A_THREAD = 128 * 1024
"""Bytes of a buffer from which on handing it to the other thread costs less than it saves."""


class HashingChunks:
    """Gives out `chunks` unchanged, once, and knows their size and digests afterwards.

    A buffer is hashed before the next one is asked of `chunks`, as the storage law's rule 6
    wants it. Raises DigestInvalid for an algorithm that is not supported.
    """

    def __init__(self, chunks: Iterable[Buffer], *algorithms: str) -> None:
        self.size = 0
        """Bytes given out so far."""
        self._chunks = chunks
        self._hashes = {name: hasher(name) for name in algorithms or (CANONICAL,)}
        self._todo: SimpleQueue[Buffer | None] = SimpleQueue()
        self._done: SimpleQueue[None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._complete = False

    def __iter__(self) -> Iterator[Buffer]:
        return self._given()

    def digest(self, algorithm: str = CANONICAL) -> Digest:
        """The digest of everything. Raises RuntimeError before the last chunk was taken."""
        if not self._complete:
            raise RuntimeError("the chunks were not read to their end")
        return Digest(algorithm, self._hashes[algorithm].hexdigest())

    def _given(self) -> Generator[Buffer, None, None]:
        try:
            for chunk in self._chunks:
                self.size += len(chunk)
                if len(chunk) < WORTH_A_THREAD:
                    self._update(chunk)
                    yield chunk
                else:
                    yield from self._beside(chunk)
            self._complete = True
        finally:
            if self._thread is not None:
                self._todo.put(None)
                self._thread.join()

    def _beside(self, chunk: Buffer) -> Generator[Buffer, None, None]:
        """Give the chunk out while the thread hashes it."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._hash, name="moorage-hash", daemon=True)
            self._thread.start()
        self._todo.put(chunk)
        try:
            yield chunk
        finally:
            self._done.get()

    def _hash(self) -> None:
        while (chunk := self._todo.get()) is not None:
            self._update(chunk)
            del chunk
            self._done.put(None)

    def _update(self, chunk: Buffer) -> None:
        for running in self._hashes.values():
            running.update(chunk)
