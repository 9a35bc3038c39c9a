"""Temporary credentials: sealed into their own session token, so that no row is needed.

The token holds who, until when, and the secret that the signature must have been made with;
it opens only together with the access key id it was given out with. What the session may do
is looked up when it is used: a role that is deleted, or loses a policy, takes effect at once.

Source: STS API reference, AssumeRole and GetSessionToken.
"""

from __future__ import annotations

import base64
import json
import os
import secrets as random
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypedDict

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from registry.domain.identities.arns import SESSION_KEY, unique_id
from registry.domain.identities.identity import Document, Identity

if TYPE_CHECKING:
    from registry.domain.identities.directory import Directory

_NONCE = 12
_LENGTH_MAX = 16 * 1024


class _Claims(TypedDict):
    """What a session token holds."""

    role: str | None
    """A role's unique id, or None for a session of a user."""
    key: str | None
    """The access key with which a user got the session."""
    session: str
    secret: str
    expires: float
    policies: list[tuple[str, str]]
    arns: list[str]
    tags: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class TemporaryKey:
    """New temporary credentials."""

    id: str
    secret: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """What a session token stands for now."""

    secret: str = field(repr=False)
    identity: Identity
    expired: bool


class Sessions:
    """Begin sessions and find them again."""

    def __init__(self, key: bytes, directory: Directory) -> None:
        self._cipher = AESGCM(key)
        self._directory = directory

    def of_role(
        self,
        role_id: str,
        session: str,
        lifetime: timedelta,
        *,
        inline: tuple[Document, ...] = (),
        arns: tuple[str, ...] = (),
        tags: tuple[tuple[str, str], ...] = (),
    ) -> TemporaryKey:
        """Credentials of a role, limited by inline policies and managed ones."""
        return self._begin(
            {
                "role": role_id,
                "key": None,
                "session": session,
                "policies": [(document.name, document.text) for document in inline],
                "arns": list(arns),
                "tags": list(tags),
            },
            lifetime,
        )

    def of_user(self, access_key_id: str, lifetime: timedelta) -> TemporaryKey:
        """Credentials of a user, got with an access key; they end with that key."""
        claims = {"role": None, "key": access_key_id, "session": ""}
        return self._begin({**claims, "policies": [], "arns": [], "tags": []}, lifetime)

    def find(self, access_key_id: str, token: str, now: datetime | None = None) -> Session | None:
        """The session of a token, if it belongs to the access key and its role or user stands."""
        claims = self._open(access_key_id, token)
        if claims is None:
            return None
        identity = self._identity(claims)
        if identity is None:
            return None
        expired = (now or datetime.now(UTC)).timestamp() >= claims["expires"]
        return Session(claims["secret"], identity, expired)

    def _begin(self, claims: dict[str, object], lifetime: timedelta) -> TemporaryKey:
        expires_at = (datetime.now(UTC) + lifetime).replace(microsecond=0)
        key_id, secret = unique_id(SESSION_KEY)[:20], random.token_urlsafe(30)
        told = {**claims, "secret": secret, "expires": expires_at.timestamp()}
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._cipher.encrypt(nonce, json.dumps(told).encode(), key_id.encode())
        return TemporaryKey(key_id, secret, base64.b64encode(sealed).decode(), expires_at)

    def _open(self, access_key_id: str, token: str) -> _Claims | None:
        if len(token) > _LENGTH_MAX:
            return None
        try:
            sealed = base64.b64decode(token, validate=True)
            text = self._cipher.decrypt(
                sealed[:_NONCE], sealed[_NONCE:], access_key_id.encode("ascii")
            )
        except (Base64Error, ValueError, InvalidTag):
            return None
        claims: _Claims = json.loads(text)
        return claims

    def _identity(self, claims: _Claims) -> Identity | None:
        if claims["role"] is None:
            key = self._directory.access_key(claims["key"] or "")
            return None if key is None else key.user
        role = self._directory.role(claims["role"])
        if role is None:
            return None
        inline = tuple(Document(name, text) for name, text in claims["policies"])
        return self._directory.role_session(
            role,
            claims["session"],
            session_policies=inline + self._directory.documents(claims["arns"]),
            tags=tuple((key, value) for key, value in claims["tags"]),
            expires_at=claims["expires"],
        )
