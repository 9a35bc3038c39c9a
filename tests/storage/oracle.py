"""An independent decryptor, written from docs/on-disk-format.md with `cryptography` alone."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def take(data: bytes, count: int) -> tuple[bytes, bytes]:
    assert len(data) >= count
    return data[:count], data[count:]


def decrypted(stored: bytes, materials: Mapping[int, bytes], purpose: str) -> tuple[str, bytes]:
    """Name and content; `materials` is the master key's, by version. Raises when damaged."""
    magic, version, length, frame_size, prefix = struct.unpack(">8sHHI7s", stored[:23])
    assert (magic, version) == (b"MOORAGE\0", 1)
    header, frames = take(stored, length)
    count, rest = header[23], header[24:]
    key_id, rest = take(rest, count)
    wrapped, rest = take(rest[2:], int.from_bytes(rest[:2], "big"))
    name, rest = take(rest[2:], int.from_bytes(rest[:2], "big"))
    assert rest == b""
    bound = b"".join(
        struct.pack(">I", len(text)) + text
        for text in (key_id, b"moorage:name", name, b"moorage:purpose", purpose.encode())
    )
    material = materials[int.from_bytes(wrapped[:4], "big")]
    data_key = AESGCM(AESGCM(material).decrypt(wrapped[4:16], wrapped[16:], bound))
    content, counter, last = b"", 0, False
    while not last:
        last = len(frames) < frame_size + 16
        frame, frames = take(frames, len(frames) if last else frame_size + 16)
        nonce = prefix + struct.pack(">IB", counter, last)
        content += data_key.decrypt(nonce, frame, header)
        counter += 1
    return name.decode(), content
