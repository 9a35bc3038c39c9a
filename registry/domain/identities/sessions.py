"""Temporary credentials: sealed into their own session token, so that no row is needed.

The token holds who, until when, and the secret that the signature must have been made with;
it opens only together with the access key id it was given out with. What the session may do
is looked up when it is used: a role that is deleted, or loses a policy, takes effect at once;
and so does ending the access key, or the user, with which the session was got. (At AWS a role's
session outlives these.)

Source: STS API reference, AssumeRole and GetSessionToken.
"""

from __future__ import annotations

import base64
import json
import os
import secrets as random
import zlib
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypedDict

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from registry.domain.identities.arns import session_key_id
from registry.domain.identities.identity import Document, Identity

if TYPE_CHECKING:
    from registry.domain.identities.directory import Directory, Role
    from registry.domain.identities.identity import Credential

_NONCE = 12
_LENGTH_MAX = 16 * 1024


class _Claims(TypedDict):
    """What a session token holds."""

    role: str | None
    """A role's unique id, or None for a session of a user."""
    key: str | None
    """The long-lived access key with which the session, or the one before it, was got."""
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
        role: Role,
        session: str,
        lifetime: timedelta,
        *,
        inline: tuple[Document, ...] = (),
        arns: tuple[str, ...] = (),
        tags: tuple[tuple[str, str], ...] = (),
        source: str | None = None,
    ) -> TemporaryKey:
        """Credentials of a role, limited by inline policies and managed ones.

        `source` is the access key they were got with: they end with it.
        """
        return self._begin(
            role.account,
            {
                "role": role.id,
                "key": source,
                "session": session,
                "policies": [(document.name, document.text) for document in inline],
                "arns": list(arns),
                "tags": list(tags),
            },
            lifetime,
        )

    def of_user(self, account: str, access_key_id: str, lifetime: timedelta) -> TemporaryKey:
        """Credentials of a user, got with an access key; they end with that key."""
        claims = {"role": None, "key": access_key_id, "session": ""}
        return self._begin(account, {**claims, "policies": [], "arns": [], "tags": []}, lifetime)

    def source(self, credential: Credential) -> str | None:
        """The long-lived access key at the beginning of the chain that ends in a credential."""
        if credential.session_token is None:
            return credential.access_key_id
        claims = self._open(credential.access_key_id, credential.session_token)
        return None if claims is None else claims["key"]

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

    def _begin(self, account: str, claims: dict[str, object], lifetime: timedelta) -> TemporaryKey:
        expires_at = (datetime.now(UTC) + lifetime).replace(microsecond=0)
        key_id, secret = session_key_id(account), random.token_urlsafe(30)
        told = {**claims, "secret": secret, "expires": expires_at.timestamp()}
        nonce, packed = os.urandom(_NONCE), zlib.compress(json.dumps(told).encode())
        sealed = nonce + self._cipher.encrypt(nonce, packed, key_id.encode())
        return TemporaryKey(key_id, secret, base64.b64encode(sealed).decode(), expires_at)

    def _open(self, access_key_id: str, token: str) -> _Claims | None:
        if len(token) > _LENGTH_MAX:
            return None
        try:
            sealed = base64.b64decode(token, validate=True)
            packed = self._cipher.decrypt(
                sealed[:_NONCE], sealed[_NONCE:], access_key_id.encode("ascii")
            )
        except (Base64Error, ValueError, InvalidTag):
            return None
        claims: _Claims = json.loads(zlib.decompress(packed))  # authentic
        return claims

    def _identity(self, claims: _Claims) -> Identity | None:
        key = None if claims["key"] is None else self._directory.access_key(claims["key"])
        if key is None and claims["key"] is not None:
            return None
        if claims["role"] is None:
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
