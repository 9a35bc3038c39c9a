"""A key for each signing profile, made of the keyring's secret: nothing more has to be kept.

ECDSA on P-256 (FIPS 186-5), with deterministic nonces (RFC 6979): signing again gives the same
signature, so a crash between signing and noting it leaves one signature, not two.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import lru_cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256's base point (SEC 2, 2.4.2)."""
_BYTES = 48
"""128 bits more than the order has, so that the key is as good as uniform (FIPS 186-5, A.2.1)."""


class SigningKeys:
    """Signs in the name of a profile."""

    def __init__(self, secret: Callable[[str], bytes]) -> None:
        """`secret` gives the keyring's secret for a purpose."""
        self._secret = secret

    def sign(self, profile_arn: str, payload: bytes) -> str:
        """The signature over the payload's SHA-256, in DER, as base64."""
        algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        return base64.b64encode(self._key(profile_arn).sign(payload, algorithm)).decode()

    def public_key(self, profile_arn: str) -> str:
        """What verifies the profile's signatures, as PEM."""
        key = self._key(profile_arn).public_key()
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def _key(self, profile_arn: str) -> ec.EllipticCurvePrivateKey:
        return _derived(self._secret("image signing"), profile_arn)


@lru_cache(maxsize=64)
def _derived(secret: bytes, profile_arn: str) -> ec.EllipticCurvePrivateKey:
    stretched = HKDF(hashes.SHA256(), _BYTES, salt=None, info=profile_arn.encode()).derive(secret)
    number = int.from_bytes(stretched, "big") % (_ORDER - 1) + 1
    return ec.derive_private_key(number, ec.SECP256R1())
