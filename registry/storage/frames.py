"""The form of an encrypted object (docs/on-disk-format.md): a header, then sealed frames.

Each frame is AES-256-GCM with the whole header as associated data and the nonce
`prefix (7) | counter (u32) | last (u8)`: the STREAM construction (Hoang, Reyhanitabar,
Rogaway, Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance",
2015). Full frames are never the last and the last is never full, so a stored frame tells by
its length which it is, and neither writer nor reader has to know the size beforehand.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from registry.storage.driver import Buffer
from registry.storage.header import Header
from registry.values.errors import Damaged

TAG_SIZE = 16
BATCH_SIZE = 1 << 19
"""About as many content bytes go into one buffer."""


class Frames:
    """The frames of one object, sealed and opened with its data key."""

    def __init__(self, header: Header, data_key: bytes) -> None:
        self._header = header
        self._bound = header.encode()
        self._cipher = AESGCM(data_key)
        self._size = header.frame_size
        self._stored = header.frame_size + TAG_SIZE
        self._batch = max(1, BATCH_SIZE // self._size)

    def seal(self, chunks: Iterable[Buffer]) -> Generator[memoryview, None, None]:
        """The stored form of the content. Each buffer given out is used again for the next."""
        buffer = memoryview(b"")
        filled = 0
        for index, piece in enumerate(cut(chunks, self._size)):
            if not buffer:
                room = self._batch * self._stored if len(piece) == self._size else TAG_SIZE
                buffer = memoryview(bytearray(len(self._bound) + max(room, len(piece) + TAG_SIZE)))
                filled = len(self._bound)
                buffer[:filled] = self._bound
            elif filled + len(piece) + TAG_SIZE > len(buffer):
                yield buffer[:filled]
                filled = 0
            nonce = self._nonce(index, last=len(piece) < self._size)
            end = filled + len(piece) + TAG_SIZE
            self._cipher.encrypt_into(nonce, piece, self._bound, buffer[filled:end])
            filled = end
        yield buffer[:filled]

    def open(
        self, chunks: Iterable[Buffer], first: int = 0, end: int | None = None
    ) -> Generator[memoryview, None, None]:
        """Content of the frames from `first` to before `end`, or to the last, in fresh buffers.

        `chunks` is the stored form from the start of frame `first`; with an `end` it stops one
        byte and a tag into frame `end`, which is enough to tell whether that is an empty last
        frame. Nothing is given out before the frame after it has arrived, so that the final
        buffer comes only once the object's end, if the range reaches it, has passed its check.
        Raises Damaged.
        """
        buffer = memoryview(bytearray())
        filled = 0
        for index, piece in enumerate(cut(chunks, self._stored), first):
            if index == end and len(piece) > TAG_SIZE:
                break
            size = len(piece) - TAG_SIZE
            if filled + size > len(buffer):
                if filled:
                    yield buffer[:filled]
                    buffer = memoryview(bytearray())  # let go of the old before making the new
                ahead = self._batch if end is None else min(self._batch, end - index)
                whole = len(piece) == self._stored
                buffer = memoryview(bytearray(ahead * self._size if whole else size))
                filled = 0
            self._open_into(index, piece, buffer[filled : filled + max(0, size)])
            filled += size
        if filled:
            yield buffer[:filled]

    def _open_into(self, index: int, piece: memoryview, target: memoryview) -> None:
        if len(piece) < TAG_SIZE:
            raise Damaged(f"object {self._header.name} is cut off in frame {index}")
        nonce = self._nonce(index, last=len(piece) < self._stored)
        try:
            self._cipher.decrypt_into(nonce, piece, self._bound, target)
        except InvalidTag:
            raise Damaged(f"object {self._header.name} fails its check in frame {index}") from None

    def _nonce(self, index: int, *, last: bool) -> bytes:
        return self._header.prefix + index.to_bytes(4) + (b"\1" if last else b"\0")


def cut(chunks: Iterable[Buffer], size: int) -> Generator[memoryview, None, None]:
    """The same bytes in pieces of `size` and then one shorter piece, which may be empty.

    Pieces that lie within one chunk are not copied. Each is valid until the next is asked for.
    """
    rest, held = memoryview(b""), 0
    for chunk in chunks:
        view, start = memoryview(chunk).cast("B"), 0
        if held:
            start = min(size - held, len(view))
            rest[held : held + start] = view[:start]
            held += start
            if held < size:
                continue
            yield rest
        while start + size <= len(view):
            yield view[start : start + size]
            start += size
        held = len(view) - start
        if held:
            rest = rest or memoryview(bytearray(size))
            rest[:held] = view[start:]
    yield rest[:held]
