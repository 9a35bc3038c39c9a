"""Links to a layer that need no header: presigned, for an hour, for one caller.

A link holds, sealed with AES-256-GCM, what it is good for and with which credential it was got.
It says nothing about rights: these are looked up when it is used, so that it ends with them.

Source: ECR API reference, GetDownloadUrlForLayer, whose links are presigned ones of S3.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from registry.domain.identities.identity import Credential, Proven
from registry.values.errors import Denied, TokenExpired, Unauthenticated
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.domain.repositories import Repository
    from registry.domain.tokens import Tokens

LIFETIME = timedelta(hours=1)
_NONCE = 12


@dataclass(frozen=True, slots=True)
class Download:
    """What a link is good for."""

    scope: Scope
    repository_name: str
    repository_id: int
    proven: Proven
    """Who got it, as they are now."""


class Downloads:
    """Seal and open."""

    def __init__(self, key: bytes, tokens: Tokens) -> None:
        self._cipher = AESGCM(key)
        self._tokens = tokens

    def seal(
        self,
        repository: Repository,
        digest: str,
        credential: Credential,
        now: datetime | None = None,
    ) -> str:
        """What a link to a layer of the repository holds, for whoever has the credential."""
        claims = {
            "a": repository.scope.account,
            "r": repository.scope.region,
            "n": repository.name,
            "i": repository.id,
            "k": credential.access_key_id,
            "e": int(((now or datetime.now(UTC)) + LIFETIME).timestamp()),
        }
        # A session token is long: as the bytes it stands for it still leaves room in a URL.
        session = base64.b64decode(credential.session_token or "")
        content = json.dumps(claims).encode() + b"\n" + session
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._cipher.encrypt(nonce, content, digest.encode())
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, sealed: str, digest: str, now: datetime | None = None) -> Download:
        """What the link to that layer is good for. Raises Denied once it is not any more."""
        moment = now or datetime.now(UTC)
        text, _, session = self._content(sealed, digest).partition(b"\n")
        claims = json.loads(text)
        if moment.timestamp() >= claims["e"]:
            raise Denied("Request has expired")
        token = base64.b64encode(session).decode() if session else None
        credential = Credential(claims["k"], token)
        try:
            identity = self._tokens.identity(credential, moment)
        except (Unauthenticated, TokenExpired):
            raise Denied("the credentials with which this link was got have ended") from None
        return Download(
            Scope(claims["a"], claims["r"]), claims["n"], claims["i"], Proven(identity, credential)
        )

    def _content(self, sealed: str, digest: str) -> bytes:
        try:
            padded = sealed + "=" * (-len(sealed) % 4)
            content = base64.b64decode(padded, altchars=b"-_", validate=True)
            return self._cipher.decrypt(content[:_NONCE], content[_NONCE:], digest.encode())
        except (ValueError, InvalidTag):
            raise Denied("this is no link of this server to that layer") from None
