"""Messages of Session Manager's data channel, as bytes.

Source: aws/session-manager-plugin, `src/message/clientmessage.go` and `messageparser.go`.
"""

from __future__ import annotations

import hashlib
import struct
import time
import uuid
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

_HEAD = struct.Struct(">I32sIQqQ16s32sI")
"""Header length, type, schema version, milliseconds since 1970, sequence number, flags, id,
SHA-256 of the payload, payload type; the payload's length follows, which the header length
leaves out."""
_LENGTH = struct.Struct(">I")
SCHEMA = 1
SYN, FIN = 1, 2
"""Flags: the first message of a stream, and the last one."""


class Kind(StrEnum):
    """A message's type."""

    INPUT = "input_stream_data"
    OUTPUT = "output_stream_data"
    ACKNOWLEDGE = "acknowledge"
    CLOSED = "channel_closed"
    START = "start_publication"
    PAUSE = "pause_publication"


class Payload(IntEnum):
    """What a stream's message carries."""

    NONE = 0
    OUTPUT = 1
    ERROR = 2
    SIZE = 3
    PARAMETER = 4
    HANDSHAKE_REQUEST = 5
    HANDSHAKE_RESPONSE = 6
    HANDSHAKE_COMPLETE = 7
    CHALLENGE_REQUEST = 8
    CHALLENGE_RESPONSE = 9
    FLAG = 10
    STDERR = 11
    EXIT_CODE = 12


class BadMessage(Exception):
    """Bytes that are no message; the text says why."""


def _now() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Message:
    """One message."""

    kind: str
    payload: bytes = b""
    payload_type: int = Payload.NONE
    sequence: int = 0
    flags: int = 0
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    created: int = field(default_factory=_now)
    """Milliseconds since 1970."""

    def encode(self) -> bytes:
        """As it goes over the wire."""
        head = _HEAD.pack(
            _HEAD.size,
            self.kind.encode().ljust(32),
            SCHEMA,
            self.created,
            self.sequence,
            self.flags,
            _swapped(self.id.bytes),
            hashlib.sha256(self.payload).digest(),
            self.payload_type,
        )
        return head + _LENGTH.pack(len(self.payload)) + self.payload


def decode(data: bytes) -> Message:
    """The message that these bytes are. Raises BadMessage."""
    if len(data) < _HEAD.size + _LENGTH.size:
        raise BadMessage(f"a message of {len(data)} bytes is shorter than its header")
    length, kind, _, created, sequence, flags, number, digest, payload_type = _HEAD.unpack_from(
        data
    )
    if length != _HEAD.size:
        raise BadMessage(f"its header has {length} bytes, not {_HEAD.size}")
    (size,) = _LENGTH.unpack_from(data, length)
    payload = data[length + _LENGTH.size :]
    if size != len(payload):
        raise BadMessage(f"its payload has {len(payload)} bytes, not {size}")
    if payload and hashlib.sha256(payload).digest() != digest:
        raise BadMessage("its payload does not have the digest that it says")
    try:
        name = kind.decode("ascii").strip("\0 ")
    except UnicodeDecodeError:
        raise BadMessage("its type is no text") from None
    return Message(
        name, payload, payload_type, sequence, flags, uuid.UUID(bytes=_swapped(number)), created
    )


def _swapped(number: bytes) -> bytes:
    """An id's less significant half comes first on the wire."""
    return number[8:] + number[:8]
