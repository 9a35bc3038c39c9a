"""One request and its answer, redirects followed.

Registries send their clients on to object stores for blobs. Credentials are for the host that
asked for them: they never go along to another one (RFC 9110, 15.4; curl's rule).
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from registry.upstream.addresses import Address, parsed
from registry.values.fetching import UpstreamFailed

if TYPE_CHECKING:
    from registry.upstream.addresses import Trusted
    from registry.upstream.connection import Connections

REDIRECTS = 5
BODY_SECONDS = 60.0
"""Within which a body that is read at once must be here."""
CHUNK = 256 * 1024
_REDIRECTED = {301, 302, 303, 307, 308}
_AGENT = "moorage"


class BrokenOff(UpstreamFailed):
    """A body that ends in its middle; the rest of it may still be had."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer whose body is still to be read."""

    address: Address
    status: int
    _response: http.client.HTTPResponse
    _connection: http.client.HTTPConnection

    def header(self, name: str) -> str:
        """A header's value, or an empty text."""
        return self._response.headers.get(name) or ""

    def headers(self, name: str) -> list[str]:
        """All values of a header."""
        return self._response.headers.get_all(name) or []

    @property
    def length(self) -> int | None:
        """Content-Length in bytes; None where there is none."""
        text = self.header("content-length")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None

    def read(self, limit: int) -> bytes:
        """The whole body, of `limit` bytes at most. Raises UpstreamFailed."""
        body, end = bytearray(), time.monotonic() + BODY_SECONDS
        for chunk in self.chunks():
            body += chunk
            if len(body) > limit:
                raise UpstreamFailed(f"{self.address} answers with more than {limit} bytes")
            if time.monotonic() > end:
                raise UpstreamFailed(f"{self.address} answers too slowly")
        return bytes(body)

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes; closed at its end. Raises UpstreamFailed."""
        try:
            while chunk := self._response.read1(CHUNK):
                yield chunk
        except (OSError, http.client.HTTPException) as error:
            raise BrokenOff(f"{self.address} broke off: {_reason(error)}") from None
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._response.close()
        self._connection.close()


class Exchange:
    """Sends requests."""

    def __init__(self, connections: Connections, trusted: Trusted) -> None:
        self._connections = connections
        self._trusted = trusted

    def send(self, method: str, address: Address, target: str, headers: Mapping[str, str]) -> Reply:
        """The answer to a request for a path with its query. Raises UpstreamFailed."""
        url = f"{address.scheme}://{address.authority}{target}"
        given = dict(headers)
        for _ in range(REDIRECTS + 1):
            reply = self._once(method, address, url, given)
            location = reply.header("location")
            if reply.status not in _REDIRECTED or not location:
                return reply
            reply.close()
            url = urljoin(url, location)
            target_address = self._next(address, url)
            if target_address != address:
                given = {name: text for name, text in given.items() if name != "Authorization"}
            address = target_address
        raise UpstreamFailed(f"{address} sends its clients around more than {REDIRECTS} times")

    def _next(self, address: Address, url: str) -> Address:
        target = parsed(url)
        if target is None or not self._trusted.may_redirect(target):
            raise UpstreamFailed(f"{address} sends its clients on to where they may not go")
        return target

    def _once(self, method: str, address: Address, url: str, headers: Mapping[str, str]) -> Reply:
        parts = urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection = self._connections.open(address)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, text in {"Host": address.authority, "User-Agent": _AGENT, **headers}.items():
                connection.putheader(name, text)
            connection.putheader("Connection", "close")
            connection.endheaders()
            response = connection.getresponse()
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            raise UpstreamFailed(f"no answer from {address}: {_reason(error)}") from None
        return Reply(address, response.status, response, connection)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it stood still too long"
    return str(error)[:200] or type(error).__name__
