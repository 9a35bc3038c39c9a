"""Public keys with which signatures are verified.

Source: sigstore cosign, "Signature Specification": SHA-256, with ECDSA as DER, RSA as
PKCS#1 v1.5; Ed25519 signs the payload itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

PublicKey = EllipticCurvePublicKey | RSAPublicKey | Ed25519PublicKey
RSA_MIN = 2048
"""Bits."""


def read_key(pem: str) -> PublicKey:
    """A public key in PEM. Raises ValueError, saying what is wrong."""
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("is not a public key in PEM") from None
    if isinstance(key, RSAPublicKey) and key.key_size < RSA_MIN:
        raise ValueError(f"has {key.key_size} bits; {RSA_MIN} are the least")
    if not isinstance(key, PublicKey):
        raise ValueError("is neither an ECDSA, an RSA nor an Ed25519 key")
    return key


def verifies(keys: Sequence[PublicKey], signature: bytes, payload: bytes) -> bool:
    """Whether one of the keys made the signature of the payload."""
    return any(_verifies(key, signature, payload) for key in keys)


def _verifies(key: PublicKey, signature: bytes, payload: bytes) -> bool:
    try:
        if isinstance(key, EllipticCurvePublicKey):
            key.verify(signature, payload, ECDSA(SHA256()))
        elif isinstance(key, RSAPublicKey):
            key.verify(signature, payload, PKCS1v15(), SHA256())
        else:
            key.verify(signature, payload)
    except InvalidSignature:
        return False
    return True
