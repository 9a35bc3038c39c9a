"""The newest bytes of a blob that is coming in, for whoever reads along.

Whoever brings the blob never waits for a reader: one that falls too far behind reads the rest
from storage once it is there.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator

LIMIT = 4 * 1024 * 1024
"""Bytes that are kept for readers."""


class Window:
    """Chunks in their order, the oldest forgotten first."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._changed = threading.Condition()
        self._chunks: deque[bytes] = deque()
        self._start = 0
        self._end = 0
        self._closed = False

    def passing(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The same chunks, kept on their way through."""
        for chunk in chunks:
            self._put(chunk)
            yield chunk

    def close(self) -> None:
        """Nothing more comes."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def take(self, offset: int) -> bytes | None:
        """Bytes from the offset on, as soon as there are any; None where there will be none here.

        The offset must be where the reader stands: at the end of a chunk that it took.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._end > offset)
            at = self._start
            if offset < at:
                return None
            for chunk in self._chunks:
                if at == offset:
                    return chunk
                at += len(chunk)
            return None

    def _put(self, chunk: bytes) -> None:
        if not chunk:
            return
        with self._changed:
            self._chunks.append(chunk)
            self._end += len(chunk)
            while self._end - self._start > self._limit and len(self._chunks) > 1:
                self._start += len(self._chunks.popleft())
            self._changed.notify_all()
