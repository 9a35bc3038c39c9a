"""Passes: the passwords by which a scanner reads one image, and nothing else, for minutes.

A pass is the server's own hand: it names the image itself, so that no policy is asked, and the
registry that it is in, whatever host name the scanner reaches it by. It is sealed with a key of
its own: no other door opens it, and nothing but the server makes one.
"""

from __future__ import annotations

import base64
import json
import os
from binascii import Error as Base64Error
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from registry.domain.tasks import now
from registry.values.digest import Digest
from registry.values.errors import TokenExpired, Unauthenticated
from registry.values.scope import Scope

USERNAME = "SERVER-SCAN"
"""With the colon behind it as many bytes as make whole base64: see `is_pass`."""
_START = base64.b64encode(f"{USERNAME}:".encode()).decode()
_PURPOSE = b"moorage scan pass, version 1"
_NONCE = 12
_LENGTH_MAX = 8 * 1024


@dataclass(frozen=True, slots=True)
class Pass:
    """What its bearer may read."""

    scope: Scope
    repository: str
    digest: Digest
    """Of the image; its config and layers with it."""


class Passes:
    """Issue and open."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def issue(self, granted: Pass, lifetime: timedelta, moment: datetime | None = None) -> str:
        """A password for that image."""
        claims = {
            "account": granted.scope.account,
            "region": granted.scope.region,
            "repository": granted.repository,
            "digest": str(granted.digest),
            "end": ((moment or now()) + lifetime).timestamp(),
        }
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._cipher.encrypt(nonce, json.dumps(claims).encode(), _PURPOSE)
        return base64.urlsafe_b64encode(sealed).decode()

    def from_basic(self, credentials: str, moment: datetime | None = None) -> Pass:
        """What the credentials of a Basic header allow. Raises Unauthenticated, TokenExpired."""
        try:
            if len(credentials) > _LENGTH_MAX:
                raise Unauthenticated("Not Authorized")
            text = base64.b64decode(credentials, validate=True).decode("ascii")
            sealed = base64.b64decode(text.partition(":")[2], altchars=b"-_", validate=True)
            claims = json.loads(self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _PURPOSE))
        except (Base64Error, ValueError, InvalidTag):
            raise Unauthenticated("Not Authorized") from None
        if (moment or now()).timestamp() >= claims["end"]:
            raise TokenExpired("The scan that this password was for is over.")
        scope = Scope(claims["account"], claims["region"])
        return Pass(scope, claims["repository"], Digest.parse(claims["digest"]))


def is_pass(credentials: str) -> bool:
    """Whether the credentials of a Basic header say that they are a pass."""
    return credentials.startswith(_START)
