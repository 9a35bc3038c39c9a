"""Events in blocks: what is written as one row, compressed and sealed.

A block is small in bytes, so that a reader holds little at a time, and short in time, so that it
finds those of a moment without looking at all of a stream. What is in one is a JSON document,
`[timestamps, messages]`, as zlib makes it smaller, under AES-256-GCM with a key of the stream's
own; stream and times are associated data.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from registry.values.errors import Damaged

EVENT_OVERHEAD = 26
"""Bytes that CloudWatch Logs counts for each event beside its message."""
SPAN = 600_000
"""The longest time between two events of a block, in milliseconds."""
_SIZE = 64 * 1024
_MOST = 2_000
_LEVEL = 1
_NONCE = 12


class Event(NamedTuple):
    """One line of a log."""

    timestamp: int
    """Milliseconds since 1970 UTC."""
    message: str

    @property
    def size(self) -> int:
        """Its bytes, as CloudWatch Logs counts them."""
        return size_of(self.message) + EVENT_OVERHEAD


def size_of(message: str) -> int:
    """Bytes of a message."""
    return len(message) if message.isascii() else len(message.encode("utf-8", "surrogatepass"))


class Block(NamedTuple):
    """Some events of one stream, in the order of their timestamps."""

    events: Sequence[Event]
    size: int

    @property
    def first(self) -> int:
        """The earliest timestamp."""
        return self.events[0].timestamp

    @property
    def last(self) -> int:
        """The latest timestamp."""
        return self.events[-1].timestamp


def blocks_of(events: Sequence[Event]) -> Iterator[Block]:
    """Events in the order of their timestamps, in blocks."""
    gathered: list[Event] = []
    size = 0
    for event in events:
        more = event.size
        if gathered and (
            size + more > _SIZE
            or len(gathered) == _MOST
            or event.timestamp - gathered[0].timestamp > SPAN
        ):
            yield Block(gathered, size)
            gathered, size = [], 0
        gathered.append(event)
        size += more
    if gathered:
        yield Block(gathered, size)


def seal(cipher: AESGCM, stream: int, block: Block) -> bytes:
    """A block's payload."""
    document = [[each.timestamp for each in block.events], [each.message for each in block.events]]
    # JSON's escapes keep lone surrogates, which a client may well send.
    text = json.dumps(document, separators=(",", ":")).encode()
    nonce = os.urandom(_NONCE)
    bound = _bound(stream, block.first, block.last)
    return nonce + cipher.encrypt(nonce, zlib.compress(text, _LEVEL), bound)


def unseal(
    cipher: AESGCM, stream: int, first: int, last: int, payload: bytes
) -> tuple[list[int], list[str]]:
    """Timestamps and messages of a payload. Raises Damaged."""
    try:
        packed = cipher.decrypt(payload[:_NONCE], payload[_NONCE:], _bound(stream, first, last))
    except InvalidTag:
        raise Damaged(f"a block of the log stream {stream} fails its check") from None
    timestamps, messages = json.loads(zlib.decompress(packed))
    return timestamps, messages


def _bound(stream: int, first: int, last: int) -> bytes:
    return f"{stream} {first} {last}".encode()
