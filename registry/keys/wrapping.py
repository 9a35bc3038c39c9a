"""How a master key wraps data keys, and how named secrets are derived.

AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce; HKDF-SHA256 (RFC 5869).
A wrapped key is `version (u32, big-endian) | nonce (12) | ciphertext (32) | tag (16)`.
With random nonces one version may wrap 2^32 keys (SP 800-38D, 8.3): rotate before that.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from registry.keys.masterkey import MasterKey
from registry.values.errors import Damaged

DATA_KEY_SIZE = 32
WRAPPED_SIZE = 4 + 12 + DATA_KEY_SIZE + 16
_SECRET_INFO = b"moorage secret 1 "


def wrap(key: MasterKey, plaintext: bytes, context: Mapping[str, str]) -> bytes:
    """The data key, sealed under the newest version for this key and context alone."""
    newest = key.versions[-1]
    nonce = os.urandom(12)
    sealed = AESGCM(newest.material).encrypt(nonce, plaintext, _bound(key.key_id, context))
    return newest.number.to_bytes(4) + nonce + sealed


def unwrap(key: MasterKey, wrapped: bytes, context: Mapping[str, str]) -> bytes:
    """The data key again. Raises Damaged where anything is not as it was."""
    version = key.version(int.from_bytes(wrapped[:4]))
    if len(wrapped) != WRAPPED_SIZE or version is None:
        raise Damaged(f"a data key was not wrapped by any version of key {key.key_id}")
    try:
        return AESGCM(version.material).decrypt(
            wrapped[4:16], wrapped[16:], _bound(key.key_id, context)
        )
    except InvalidTag:
        raise Damaged(f"a data key fails its check under key {key.key_id}") from None


def derived_secret(root: bytes, name: str) -> bytes:
    """32 bytes that only the root and this name give."""
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=_SECRET_INFO + name.encode())
    return hkdf.derive(root)


def _bound(key_id: str, context: Mapping[str, str]) -> bytes:
    """Associated data: the key id, then names and values by name, each behind its length."""
    texts = [key_id]
    for name in sorted(context):
        texts += (name, context[name])
    encoded = [text.encode() for text in texts]
    return b"".join(len(each).to_bytes(4) + each for each in encoded)
