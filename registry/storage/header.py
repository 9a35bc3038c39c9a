"""The header of an encrypted object (docs/on-disk-format.md, "The header").

    0   magic "MOORAGE\\0"          8
    8   format version, 1          u16
    10  length of the header       u16
    12  frame size                 u32
    16  nonce prefix               7
    23  length of the key id       u8, then the key id
        length of the wrapped key  u16, then the wrapped key
        length of the name         u16, then the name

Numbers are big-endian, texts ASCII. One header has one encoding.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from registry.storage.driver import Buffer
from registry.values.errors import Damaged

MAGIC = b"MOORAGE\0"
VERSION = 1
HEADER_MAX = 8192
FRAME_SIZE = 1 << 18
FRAME_MAX = 1 << 20
PREFIX_SIZE = 7
NAME_MAX = 900
_FIXED = struct.Struct(f">8sHHI{PREFIX_SIZE}s")
_LENGTH_END = 12


@dataclass(frozen=True, slots=True)
class Header:
    """What is needed, beside the master key, to read an object."""

    key_id: str
    wrapped: bytes
    """The data key, wrapped under the master key `key_id`."""
    name: str
    prefix: bytes
    """The first bytes of every frame's nonce."""
    frame_size: int = FRAME_SIZE
    """Content bytes in a full frame."""

    def encode(self) -> bytes:
        """The stored form. Raises ValueError where a part is too long or not ASCII."""
        key_id, name = self.key_id.encode("ascii"), self.name.encode("ascii")
        if not 0 < len(name) <= NAME_MAX or not 0 < len(key_id) < 256:
            raise ValueError(f"not the name of an object and of a key: {name!r}, {key_id!r}")
        parts = (
            len(key_id).to_bytes(1) + key_id,
            len(self.wrapped).to_bytes(2) + self.wrapped,
            len(name).to_bytes(2) + name,
        )
        length = _FIXED.size + sum(map(len, parts))
        if length > HEADER_MAX:
            raise ValueError(f"a wrapped key of {len(self.wrapped)} bytes is too long")
        fixed = _FIXED.pack(MAGIC, VERSION, length, self.frame_size, self.prefix)
        return b"".join((fixed, *parts))

    @classmethod
    def decode(cls, raw: bytes) -> Header:
        """Read the whole stored form. Raises Damaged."""
        try:
            _, _, _, frame_size, prefix = _FIXED.unpack_from(raw)
            at = _FIXED.size
            key_id, at = _field(raw, at, 1)
            wrapped, at = _field(raw, at, 2)
            name, _ = _field(raw, at, 2)
            header = cls(key_id.decode("ascii"), wrapped, name.decode("ascii"), prefix, frame_size)
            if 0 < frame_size <= FRAME_MAX and header.encode() == raw:
                return header
        except (struct.error, ValueError):
            pass
        raise Damaged("the header of a stored object is malformed")


def split(chunks: Iterator[Buffer]) -> tuple[bytes, Iterator[Buffer]]:
    """The header's bytes, and the rest of the stored form. Raises Damaged."""
    head = memoryview(next(chunks, b""))
    while (length := _length(head)) > len(head):
        more = next(chunks, None)
        if more is None:
            raise Damaged("a stored object is cut off in its header")
        head = memoryview(b"".join((head, more)))
    return bytes(head[:length]), chain((head[length:],), chunks)


def _length(head: memoryview) -> int:
    """Bytes the header has, as far as one can tell from its start."""
    if len(head) < _LENGTH_END:
        return _LENGTH_END
    if head[: len(MAGIC)] != MAGIC:
        raise Damaged("a stored object is not an encrypted one")
    version, length = struct.unpack_from(">HH", head, len(MAGIC))
    if version != VERSION or not _LENGTH_END < length <= HEADER_MAX:
        raise Damaged(f"a stored object has an unknown format (version {version})")
    return int(length)


def _field(raw: bytes, at: int, width: int) -> tuple[bytes, int]:
    start = at + width
    end = start + int.from_bytes(raw[at:start])
    return raw[start:end], end
