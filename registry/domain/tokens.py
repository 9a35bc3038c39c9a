"""Authorization tokens: the password of `docker login`.

Sealed with AES-256-GCM under a key of the keyring: nobody else can read or make one, and
checking one needs no database. Who it names is looked up among the principals that every
worker holds in memory, so that ending a principal or a key ends its tokens at once.

Source: ECR API reference, GetAuthorizationToken; RFC 7617 (Basic).
"""

from __future__ import annotations

import base64
import json
import os
from binascii import Error as Base64Error
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypedDict

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from registry.values.errors import TokenExpired, Unauthenticated

if TYPE_CHECKING:
    from registry.domain.identities import Identities, User

USERNAME = "AWS"
LIFETIME = timedelta(hours=12)
_PURPOSE = b"moorage authorization token, version 1"
_NONCE = 12
_LENGTH_MAX = 4096


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token."""

    password: str
    expires_at: datetime


class Tokens:
    """Issue and open."""

    def __init__(self, key: bytes, identities: Identities) -> None:
        self._cipher = AESGCM(key)
        self._identities = identities

    def issue(self, user: User, access_key_id: str, now: datetime | None = None) -> Issued:
        """A token for the user, got with that access key; valid 12 hours."""
        expires_at = ((now or datetime.now(UTC)) + LIFETIME).replace(microsecond=0)
        claims: _Claims = {"u": user.id, "k": access_key_id, "e": int(expires_at.timestamp())}
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._cipher.encrypt(nonce, json.dumps(claims).encode(), _PURPOSE)
        return Issued(base64.urlsafe_b64encode(sealed).decode(), expires_at)

    def open(self, password: str, now: datetime | None = None) -> User:
        """Whose token it is. Raises Unauthenticated, TokenExpired."""
        claims = self._claims(password)
        if (now or datetime.now(UTC)).timestamp() >= claims["e"]:
            raise TokenExpired(
                "Your authorization token has expired. Reauthenticate and try again."
            )
        key = self._identities.access_key(claims["k"])
        if key is None or key.user.id != claims["u"]:
            raise Unauthenticated("Not Authorized")
        return key.user

    def from_basic(self, credentials: str, now: datetime | None = None) -> User:
        """Whose token the credentials of a Basic header hold: base64 of `AWS:<password>`.

        Raises Unauthenticated, TokenExpired.
        """
        if len(credentials) > _LENGTH_MAX:
            raise Unauthenticated("Not Authorized")
        try:
            text = base64.b64decode(credentials, validate=True).decode("ascii")
        except (Base64Error, ValueError):
            raise Unauthenticated("Not Authorized") from None
        username, _, password = text.partition(":")
        if username != USERNAME:
            raise Unauthenticated("Not Authorized")
        return self.open(password, now)

    def _claims(self, password: str) -> _Claims:
        try:
            sealed = base64.b64decode(password, altchars=b"-_", validate=True)
            content = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _PURPOSE)
        except (ValueError, InvalidTag):
            raise Unauthenticated("Not Authorized") from None
        claims: _Claims = json.loads(content)
        return claims


class _Claims(TypedDict):
    """What a token says."""

    u: str
    k: str
    e: int
