"""The driver that encrypts: a `Driver` around a `Driver`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator, Iterable, Iterator
from threading import Lock

from registry.keys.provider import KeyProvider
from registry.storage.driver import Buffer, Driver, Stat, checked, checked_move, name_of
from registry.storage.frames import TAG_SIZE
from registry.storage.header import FRAME_SIZE, HEADER_MAX, Header, split
from registry.storage.sealing import Envelopes
from registry.values.errors import Damaged

HEADERS_KEPT = 4096


class EncryptedDriver:
    """Seals everything put through it under the master key `key_id`, see `Driver`.

    Beside the law: `put` and `get` raise KeyNotFound and KeyUnavailable; `get` and `stat` raise
    Damaged for an object under another key or of another name. A whole `get` is one `get` of
    the inner driver; a range, or a `stat`, is one more call where the object's header has not
    been seen lately.
    """

    def __init__(
        self, inner: Driver, keys: KeyProvider, key_id: str, frame_size: int = FRAME_SIZE
    ) -> None:
        self._inner = inner
        self._envelopes = Envelopes(keys, key_id, "object", frame_size)
        self._headers = _Headers()

    def put(self, path: str, chunks: Iterable[Buffer]) -> int:
        """Seal the chunks and store them as one object, see `Driver`."""
        header, frames = self._envelopes.new(name_of(checked(path)))
        stored = self._inner.put(path, frames.seal(chunks))
        self._headers.forget(path)
        return _content_size(stored, header)

    def get(
        self, path: str, offset: int = 0, length: int | None = None
    ) -> Generator[Buffer, None, None]:
        """Content whose every frame has passed its check, see `Driver`."""
        checked(path)
        if offset < 0 or (length is not None and length < 0):
            raise ValueError(f"not a range: {offset} and {length} more")
        if offset == 0 and length is None:
            return _opened(self._whole(path))
        header = self._headers.get(path) or self._header(path)
        while True:
            try:
                return _opened(self._range(path, header, offset, length))
            except (Damaged, ValueError):
                # The object may have been replaced since its header was read.
                fresh = self._header(path)
                if fresh == header:
                    raise
                header = fresh

    def stat(self, path: str) -> Stat:
        """Size of the content, see `Driver`."""
        stored = self._inner.stat(path).size
        header = self._headers.get(path) or self._header(path)
        return Stat(_content_size(stored, header))

    def list(self, prefix: str) -> Iterator[str]:
        """Paths of the objects in a directory and below it, see `Driver`."""
        return self._inner.list(prefix)

    def delete(self, path: str) -> None:
        """Remove the object, see `Driver`."""
        self._inner.delete(path)
        self._headers.forget(path)

    def move(self, source: str, target: str) -> None:
        """Take the object to another directory, see `Driver`."""
        checked_move(source, target)
        self._inner.move(source, target)
        self._headers.forget(source)
        self._headers.forget(target)

    def _whole(self, path: str) -> Generator[memoryview, None, None]:
        stored = self._inner.get(path)
        try:
            raw, rest = split(stored)
            header = self._envelopes.read(raw, name_of(path))
            yield from self._envelopes.frames(header).open(rest)
        finally:
            stored.close()

    def _range(
        self, path: str, header: Header, offset: int, length: int | None
    ) -> Generator[memoryview, None, None]:
        first, skip = divmod(offset, header.frame_size)
        end = None if length is None else -(-(offset + length) // header.frame_size)
        frame = header.frame_size + TAG_SIZE
        start = len(header.encode()) + first * frame
        # Into the frame behind the range: it may be an empty last one, which then is checked.
        wanted = None if end is None else (end - first) * frame + TAG_SIZE + 1
        frames = self._envelopes.frames(header)
        try:
            stored = self._inner.get(path, start, wanted)
        except ValueError:
            raise ValueError(f"offset {offset} is past the end of {path}") from None
        try:
            yield from _slice(frames.open(stored, first, end), skip, length)
        finally:
            stored.close()

    def _header(self, path: str) -> Header:
        stored = self._inner.get(path, 0, HEADER_MAX)
        try:
            header = self._envelopes.read(split(stored)[0], name_of(path))
        finally:
            stored.close()
        self._headers.put(path, header)
        return header


class _Headers:
    """Headers seen lately, by path. One may be out of date: whoever uses it finds out."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._entries: OrderedDict[str, Header] = OrderedDict()

    def get(self, path: str) -> Header | None:
        with self._lock:
            header = self._entries.get(path)
            if header is not None:
                self._entries.move_to_end(path)
            return header

    def put(self, path: str, header: Header) -> None:
        with self._lock:
            self._entries[path] = header
            self._entries.move_to_end(path)
            if len(self._entries) > HEADERS_KEPT:
                self._entries.popitem(last=False)

    def forget(self, path: str) -> None:
        with self._lock:
            self._entries.pop(path, None)


def _content_size(stored: int, header: Header) -> int:
    """Content bytes in an object of `stored` bytes. Raises Damaged where there can be none."""
    full, last = divmod(stored - len(header.encode()), header.frame_size + TAG_SIZE)
    if full < 0 or last < TAG_SIZE:
        raise Damaged(f"object {header.name} is cut off: it has {stored} bytes")
    return full * header.frame_size + last - TAG_SIZE


def _slice(
    views: Iterator[memoryview], skip: int, length: int | None
) -> Generator[memoryview, None, None]:
    """The views without `skip` bytes at the start, and `length` bytes long at most."""
    for view in views:
        part = view[skip:] if length is None else view[skip : skip + length]
        skip = max(0, skip - len(view))
        if length is not None:
            length -= len(part)
        if part:
            yield part
    if skip:
        raise ValueError(f"the offset is {skip} bytes past the end")


def _opened(content: Generator[Buffer, None, None]) -> Generator[Buffer, None, None]:
    """The same content, its first buffer made, and checked, before this returns."""
    reader = _ahead(content)
    next(reader)
    return reader


def _ahead(content: Generator[Buffer, None, None]) -> Generator[Buffer, None, None]:
    try:
        first = next(content, None)
        yield b""
        if first is not None:
            yield first
            del first
            yield from content
    finally:
        content.close()
