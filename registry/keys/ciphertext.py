"""What AWS KMS's Encrypt makes: a blob that carries the key it is under.

Such a blob is `MKMS` | format (u8) | key id (16) | version (u32, big-endian) | salt (16) |
nonce (12) | ciphertext | tag (16). Each has a key of its own, HKDF-SHA256 (RFC 5869) of the
version's material and the salt: whoever may call Encrypt any number of times never comes near
what AES-GCM bears under one key (NIST SP 800-38D, 8.3), and no blob can be taken for a wrapped
data key of the storage. Everything before the ciphertext and the encryption context are
associated data.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from registry.keys.masterkey import KeyVersion, MasterKey
from registry.values.errors import Damaged

_MAGIC = b"MKMS\x01"
_SALT, _NONCE, _TAG = 16, 12, 16
_HEADER = len(_MAGIC) + 16 + 4 + _SALT + _NONCE
_INFO = b"moorage kms 1"


class Opened(NamedTuple):
    """What was in a blob."""

    plaintext: bytes
    version: int


def encrypt(key: MasterKey, plaintext: bytes, context: Mapping[str, str]) -> bytes:
    """A blob under the newest version of the key, bound to the context."""
    newest = key.versions[-1]
    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    number = newest.number.to_bytes(4)
    header = _MAGIC + UUID(key.key_id).bytes + number + salt + nonce
    return header + _cipher(newest, salt).encrypt(nonce, plaintext, header + _bound(context))


def key_of(blob: bytes) -> str | None:
    """Id of the key that a blob says it is under; None for what is no blob."""
    if len(blob) < _HEADER + _TAG or not blob.startswith(_MAGIC):
        return None
    return str(UUID(bytes=blob[len(_MAGIC) : len(_MAGIC) + 16]))


def decrypt(key: MasterKey, blob: bytes, context: Mapping[str, str]) -> Opened:
    """What was encrypted. Raises Damaged where anything is not as it was."""
    start = len(_MAGIC) + 16
    version = key.version(int.from_bytes(blob[start : start + 4]))
    if key_of(blob) != key.key_id or version is None:
        raise Damaged(f"a ciphertext is not under any version of key {key.key_id}")
    salt = blob[start + 4 : start + 4 + _SALT]
    header, sealed = blob[:_HEADER], blob[_HEADER:]
    try:
        plaintext = _cipher(version, salt).decrypt(
            header[-_NONCE:], sealed, header + _bound(context)
        )
    except InvalidTag:
        raise Damaged(f"a ciphertext fails its check under key {key.key_id}") from None
    return Opened(plaintext, version.number)


def _cipher(version: KeyVersion, salt: bytes) -> AESGCM:
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=salt, info=_INFO)
    return AESGCM(hkdf.derive(version.material))


def _bound(context: Mapping[str, str]) -> bytes:
    """Names and values by name, each behind its length."""
    encoded = [text.encode() for name in sorted(context) for text in (name, context[name])]
    return b"".join(len(each).to_bytes(4) + each for each in encoded)
