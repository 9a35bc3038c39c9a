"""The keyring file sealed under a key of AWS KMS, so that no secret lies on the disk in clear.

    {"format": "moorage-sealed-keyring", "version": 1, "key": "arn:aws:kms:…",
     "wrapped": "<base64>", "nonce": "<base64>", "sealed": "<base64>"}

`sealed` is the keyring's text under AES-256-GCM with a data key of its own for each change of
the file; `wrapped` is that data key as AWS KMS gave it, with the encryption context
`moorage:purpose` = `keyring`. The associated data is the ARN.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from threading import Lock
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from registry.keys.aws import AwsKeys, arn_of, id_of
from registry.values.errors import Damaged

FORMAT = "moorage-sealed-keyring"
VERSION = 1
CONTEXT = {"moorage:purpose": "keyring"}
_NONCE = 12


class FileSealing(Protocol):
    """What keeps the text of a keyring file secret."""

    def seal(self, text: bytes) -> bytes:
        """What is written. Raises KeyNotFound, KeyUnavailable."""

    def open(self, sealed: bytes) -> bytes:
        """The text again. Raises KeyNotFound, KeyUnavailable, Damaged."""


class AwsFileSealing:
    """Seals under the default key of `keys`, and opens what any of its keys has sealed."""

    def __init__(self, keys: AwsKeys) -> None:
        self._keys = keys
        self._lock = Lock()
        self._last: tuple[bytes, bytes] | None = None
        """The last data key, wrapped and plain: who holds the ring needs to hide no key of it."""

    def seal(self, text: bytes) -> bytes:
        """See `FileSealing`."""
        key_id = self._keys.resolve(self._keys.default)
        data_key = self._keys.generate_data_key(key_id, CONTEXT)
        arn, nonce = arn_of(key_id), os.urandom(_NONCE)
        sealed = AESGCM(data_key.plaintext).encrypt(nonce, text, arn.encode())
        document = {
            "format": FORMAT,
            "version": VERSION,
            "key": arn,
            "wrapped": b64encode(data_key.wrapped).decode(),
            "nonce": b64encode(nonce).decode(),
            "sealed": b64encode(sealed).decode(),
        }
        return json.dumps(document, indent=2).encode() + b"\n"

    def open(self, sealed: bytes) -> bytes:
        """See `FileSealing`."""
        try:
            document = json.loads(sealed)
            arn = str(document["key"])
            parts = [b64decode(document[name]) for name in ("wrapped", "nonce", "sealed")]
            if document["version"] != VERSION:
                raise ValueError
        except (ValueError, KeyError, TypeError):
            raise Damaged("the sealed keyring is malformed") from None
        wrapped, nonce, content = parts
        try:
            return AESGCM(self._plain(arn, wrapped)).decrypt(nonce, content, arn.encode())
        except InvalidTag:
            raise Damaged("the sealed keyring fails its check") from None

    def _plain(self, arn: str, wrapped: bytes) -> bytes:
        with self._lock:
            if self._last is None or self._last[0] != wrapped:
                plain = self._keys.decrypt_data_key(id_of(arn), wrapped, CONTEXT)
                self._last = (wrapped, plain)
            return self._last[1]


def sealed_by(text: bytes) -> str | None:
    """ARN of the key that a keyring's text is sealed under; None for any other text."""
    try:
        document: Any = json.loads(text)
        return str(document["key"]) if document["format"] == FORMAT else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
