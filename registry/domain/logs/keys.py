"""Each log group's own key, sealed under a master key; each stream's is derived from it.

So a group that is deleted takes what opens its events with it at once, and a disabled master key
closes all groups under it.
"""

from __future__ import annotations

import os
import uuid
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

if TYPE_CHECKING:
    from registry.domain.vault import Vault

_SIZE = 32
_KEPT = 4096
"""Streams whose ciphers are kept ready, and groups whose keys are."""


class GroupKey(NamedTuple):
    """A group's key as it is stored."""

    key_id: str
    """The master key."""
    seal: str
    sealed: bytes


class GroupKeys:
    """Makes and opens them."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._lock = Lock()
        self._ciphers: OrderedDict[tuple[str, int], AESGCM] = OrderedDict()

    def new(self, key_id: str) -> GroupKey:
        """A fresh key. Raises KeyNotFound, KeyUnavailable."""
        name = f"log-group/{uuid.uuid4().hex}"
        return GroupKey(key_id, name, self._vault.seal(key_id, os.urandom(_SIZE), name))

    def cipher(self, key: GroupKey, stream: int) -> AESGCM:
        """What seals and opens the blocks of a stream.

        Raises KeyNotFound, KeyUnavailable where the master key is not to be used now; Damaged.
        """
        self._vault.check(key.key_id)
        name = (key.seal, stream)
        with self._lock:
            if (found := self._ciphers.get(name)) is not None:
                self._ciphers.move_to_end(name)
                return found
        plain = self._vault.open(key.key_id, key.sealed, key.seal)
        info = f"moorage log stream {stream}".encode()
        cipher = AESGCM(HKDF(algorithm=SHA256(), length=_SIZE, salt=None, info=info).derive(plain))
        with self._lock:
            self._ciphers[name] = cipher
            if len(self._ciphers) > _KEPT:
                self._ciphers.popitem(last=False)
        return cipher
