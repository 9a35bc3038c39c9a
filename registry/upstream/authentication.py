"""What a registry asks for before it answers, and the tokens that it gives.

Sources: distribution's "Token Authentication Specification"; RFC 9110, 11 (challenges);
RFC 7617 (Basic).
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from registry.upstream.addresses import Address, parsed
from registry.values.fetching import UpstreamBusy, UpstreamDenied, UpstreamFailed

if TYPE_CHECKING:
    from registry.upstream.addresses import Trusted
    from registry.upstream.exchange import Exchange, Reply

TOKEN_MAX = 256 * 1024
"""Bytes of an answer with a token."""
_LEAST_SECONDS = 60
"""How long a token lives whose answer does not say: the specification's."""
_KEPT = 1000
_SCHEME = re.compile(r"\s*([A-Za-z]+)\s+(.*)", re.DOTALL)
_PARAMETER = re.compile(r'([A-Za-z_]+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))')


@dataclass(frozen=True, slots=True)
class Credentials:
    """With which an upstream knows us."""

    username: str
    access_token: str = field(repr=False)

    @property
    def basic(self) -> str:
        """As the value of an Authorization header."""
        pair = f"{self.username}:{self.access_token}".encode()
        return "Basic " + base64.b64encode(pair).decode()


@dataclass(frozen=True, slots=True)
class Source:
    """A registry and how it knows us: an anonymous caller where there are no credentials."""

    address: Address
    credentials: Credentials | None = None


Key = tuple[Source, str]
"""A token is for one registry, one repository and one caller."""


class Tokens:
    """Authorization headers, kept as long as they hold."""

    def __init__(self, exchange: Exchange, trusted: Trusted) -> None:
        self._exchange = exchange
        self._trusted = trusted
        self._lock = threading.Lock()
        self._kept: dict[Key, tuple[str, float]] = {}

    def known(self, key: Key) -> str | None:
        """A header from before that still holds."""
        with self._lock:
            header, end = self._kept.get(key, ("", 0.0))
        return header if header and time.monotonic() < end else None

    def answer(self, key: Key, reply: Reply) -> str:
        """The header that a 401 asks for. Raises UpstreamDenied, UpstreamFailed."""
        source, name = key
        challenges = dict(_challenge(text) for text in reply.headers("www-authenticate"))
        if "bearer" in challenges:
            header, seconds = self._token(source, name, challenges["bearer"])
        elif "basic" in challenges and source.credentials is not None:
            header, seconds = source.credentials.basic, float(_LEAST_SECONDS)
        elif "basic" in challenges:
            raise UpstreamDenied(f"{source.address} gives nothing without credentials")
        else:
            raise UpstreamFailed(f"{source.address} asks for credentials in a way not known here")
        with self._lock:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[key] = header, time.monotonic() + seconds
        return header

    def forget(self, key: Key) -> None:
        """The header was not taken."""
        with self._lock:
            self._kept.pop(key, None)

    def _token(self, source: Source, name: str, asked: dict[str, str]) -> tuple[str, float]:
        realm, target = self._realm(source, asked)
        scope = asked.get("scope") or (f"repository:{name}:pull" if name else "")
        query = {"service": asked.get("service", ""), "scope": scope}
        more = urlencode({key: text for key, text in query.items() if text})
        headers = {"Authorization": source.credentials.basic} if source.credentials else {}
        joined = f"{target}{'&' if '?' in target else '?'}{more}"
        reply = self._exchange.send("GET", realm, joined, headers)
        body = reply.read(TOKEN_MAX)
        if reply.status in {401, 403}:
            known = "its credentials" if source.credentials else "an anonymous caller"
            raise UpstreamDenied(f"{realm} gives {known} no token for {source.address}")
        if reply.status == 429:
            raise UpstreamBusy(f"{realm} wants fewer requests")
        if reply.status != 200:
            raise UpstreamFailed(f"{realm} answers {reply.status} instead of a token")
        return _read(realm, body)

    def _realm(self, source: Source, asked: dict[str, str]) -> tuple[Address, str]:
        url = asked.get("realm", "")
        realm = parsed(url)
        if realm is None or not (realm == source.address or self._trusted.may_redirect(realm)):
            raise UpstreamFailed(f"{source.address} sends for a token to where we may not go")
        parts = urlsplit(url)
        return realm, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _challenge(text: str) -> tuple[str, dict[str, str]]:
    """Scheme in lower case, and parameters."""
    match = _SCHEME.fullmatch(text)
    if match is None:
        return text.strip().lower(), {}
    found = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(match[2])}
    return match[1].lower(), found


def _read(realm: Address, body: bytes) -> tuple[str, float]:
    try:
        document: Any = json.loads(body)
        token = document.get("token") or document.get("access_token")
        seconds = float(document.get("expires_in") or _LEAST_SECONDS)
    except (ValueError, AttributeError, TypeError):
        token, seconds = None, 0.0
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise UpstreamFailed(f"{realm} answers without a token")
    # Some time before its end: it has to last to the other end of a request.
    return f"Bearer {token}", max(seconds * 0.8, 1.0)
