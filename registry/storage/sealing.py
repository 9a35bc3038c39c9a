"""Where data keys and headers meet: a master key's side of every encrypted object and value."""

from __future__ import annotations

import os

from registry.keys.provider import KeyProvider
from registry.storage.frames import Frames
from registry.storage.header import FRAME_SIZE, PREFIX_SIZE, Header, split
from registry.values.errors import Damaged


class Envelopes:
    """Makes and opens what is sealed under one master key for one purpose.

    The name and the purpose are bound to the data key: what was sealed as one thing opens as
    no other, even for somebody who can write to the store.
    """

    def __init__(
        self, keys: KeyProvider, key_id: str, purpose: str, frame_size: int = FRAME_SIZE
    ) -> None:
        self._keys = keys
        self._key_id = key_id
        self._purpose = purpose
        self._frame_size = frame_size

    def new(self, name: str) -> tuple[Header, Frames]:
        """A header with a fresh data key. Raises KeyNotFound, KeyUnavailable."""
        key = self._keys.generate_data_key(self._key_id, self._context(name))
        prefix = os.urandom(PREFIX_SIZE)
        header = Header(self._key_id, key.wrapped, name, prefix, self._frame_size)
        return header, Frames(header, key.plaintext)

    def read(self, raw: bytes, name: str) -> Header:
        """A stored header. Raises Damaged unless it is of this key and this name."""
        header = Header.decode(raw)
        if header.name != name:
            raise Damaged(f"the object stored as {name} is another one, {header.name}")
        if header.key_id != self._key_id:
            raise Damaged(f"object {name} is sealed under another key, {header.key_id}")
        return header

    def frames(self, header: Header) -> Frames:
        """What opens the object. Raises KeyNotFound, KeyUnavailable, Damaged."""
        context = self._context(header.name)
        return Frames(header, self._keys.decrypt_data_key(self._key_id, header.wrapped, context))

    def _context(self, name: str) -> dict[str, str]:
        return {"moorage:purpose": self._purpose, "moorage:name": name}


class Sealer:
    """Small values sealed in memory, in the very form of stored objects.

    A name is 1 to 900 ASCII characters, and anything else a ValueError.
    """

    def __init__(self, keys: KeyProvider, key_id: str) -> None:
        self._envelopes = Envelopes(keys, key_id, "value")

    def seal(self, content: bytes, name: str) -> bytes:
        """The sealed value, bound to its name. Raises KeyNotFound, KeyUnavailable."""
        _, frames = self._envelopes.new(name)
        return b"".join(bytes(each) for each in frames.seal((content,)))

    def open_sealed(self, sealed: bytes, name: str) -> bytes:
        """The content again. Raises KeyNotFound, KeyUnavailable, Damaged."""
        raw, rest = split(iter((sealed,)))
        frames = self._envelopes.frames(self._envelopes.read(raw, name))
        return b"".join(frames.open(rest))
