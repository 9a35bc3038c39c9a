"""Secret access keys at rest: sealed under the keyring, each bound to its key's id."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from registry.values.errors import Damaged

_NONCE = 12


class Secrets:
    """Seals and opens secret access keys. `key` is 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, key_id: str, secret: str) -> bytes:
        """What a row may hold."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), key_id.encode())

    def open(self, key_id: str, sealed: bytes) -> str:
        """The secret. Raises Damaged where it was sealed elsewhere."""
        try:
            secret = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], key_id.encode())
        except InvalidTag:
            raise Damaged(f"access key {key_id} was not sealed by this keyring") from None
        return secret.decode()
