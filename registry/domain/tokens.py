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
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypedDict

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from registry.domain.identities.identity import Credential, Proven
from registry.values.errors import TokenExpired, Unauthenticated

if TYPE_CHECKING:
    from registry.domain.identities.directory import Directory
    from registry.domain.identities.identity import Identity
    from registry.domain.identities.robots import Robots
    from registry.domain.identities.sessions import Sessions

USERNAME = "AWS"
LIFETIME = timedelta(hours=12)
_PURPOSE = b"moorage authorization token, version 1"
_NONCE = 12
_LENGTH_MAX = 32 * 1024
_EXPIRED = "Your authorization token has expired. Reauthenticate and try again."


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token."""

    password: str = field(repr=False)
    expires_at: datetime


class _Claims(TypedDict, total=False):
    """What a token says: with which credential it was got, or which robot's it is."""

    k: str
    """Access key id."""
    t: str | None
    """Session token that goes with it."""
    e: int
    """End, in seconds since 1970."""
    r: str
    """Robot id."""


class Tokens:
    """Issue and open."""

    def __init__(
        self, key: bytes, directory: Directory, sessions: Sessions, robots: Robots
    ) -> None:
        self._cipher = AESGCM(key)
        self._directory = directory
        self._sessions = sessions
        self._robots = robots

    def issue(self, credential: Credential, now: datetime | None = None) -> Issued:
        """A token for whoever has that credential; valid 12 hours, and not after it ends."""
        expires_at = ((now or datetime.now(UTC)) + LIFETIME).replace(microsecond=0)
        claims: _Claims = {
            "k": credential.access_key_id,
            "t": credential.session_token,
            "e": int(expires_at.timestamp()),
        }
        return Issued(self._seal(claims), expires_at)

    def for_robot(self, robot_id: str) -> str:
        """The password of a robot; it ends when the robot does."""
        return self._seal({"r": robot_id})

    def open(self, password: str, now: datetime | None = None) -> Proven:
        """Whose token it is. Raises Unauthenticated, TokenExpired."""
        claims, moment = self._claims(password), now or datetime.now(UTC)
        if "r" in claims:
            credential = Credential(claims["r"])
            found = self._robots.find(claims["r"], moment)
        else:
            if moment.timestamp() >= claims["e"]:
                raise TokenExpired(_EXPIRED)
            credential = Credential(claims["k"], claims["t"])
            found = self.identity(credential, moment)
        if found is None:
            raise Unauthenticated("Not Authorized")
        return Proven(found, credential)

    def from_basic(self, credentials: str, now: datetime | None = None) -> Proven:
        """Whose token the credentials of a Basic header hold: base64 of `AWS:<password>`.

        Raises Unauthenticated, TokenExpired.
        """
        return self.open(_password(credentials), now)

    def password_of(self, credentials: str) -> str:
        """The password in the credentials of a Basic header, once it is proven good.

        Raises Unauthenticated, TokenExpired.
        """
        password = _password(credentials)
        self.open(password)
        return password

    def identity(self, credential: Credential, now: datetime) -> Identity:
        """Whose credential it is, as they are now. Raises Unauthenticated, TokenExpired."""
        key_id, session = credential.access_key_id, credential.session_token
        if session is None:
            key = self._directory.access_key(key_id)
            if key is None:
                raise Unauthenticated("Not Authorized")
            return key.user
        found = self._sessions.find(key_id, session, now)
        if found is None:
            raise Unauthenticated("Not Authorized")
        if found.expired:
            raise TokenExpired(_EXPIRED)
        return found.identity

    def _seal(self, claims: _Claims) -> str:
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._cipher.encrypt(nonce, json.dumps(claims).encode(), _PURPOSE)
        return base64.urlsafe_b64encode(sealed).decode()

    def _claims(self, password: str) -> _Claims:
        try:
            sealed = base64.b64decode(password, altchars=b"-_", validate=True)
            content = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _PURPOSE)
        except (ValueError, InvalidTag):
            raise Unauthenticated("Not Authorized") from None
        claims: _Claims = json.loads(content)
        return claims


def _password(credentials: str) -> str:
    """The password in base64 of `AWS:<password>`. Raises Unauthenticated."""
    if len(credentials) > _LENGTH_MAX:
        raise Unauthenticated("Not Authorized")
    try:
        text = base64.b64decode(credentials, validate=True).decode("ascii")
    except (Base64Error, ValueError):
        raise Unauthenticated("Not Authorized") from None
    username, _, password = text.partition(":")
    if username != USERNAME:
        raise Unauthenticated("Not Authorized")
    return password
