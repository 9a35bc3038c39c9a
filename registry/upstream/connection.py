"""A connection to a host, by an address that was looked at first."""

from __future__ import annotations

import http.client
import socket
import ssl
from typing import TYPE_CHECKING

from registry.values.fetching import UpstreamFailed

if TYPE_CHECKING:
    from registry.upstream.addresses import Address, Trusted

CONNECT_SECONDS = 10.0
"""To each address of a host."""


class Connections:
    """Makes them. TLS is verified by the system's authorities, or those of SSL_CERT_FILE."""

    def __init__(self, trusted: Trusted, seconds: float) -> None:
        """`seconds` is how long the other end may stand still."""
        self._trusted = trusted
        self._seconds = seconds
        self._context: ssl.SSLContext | None = None

    def open(self, address: Address) -> http.client.HTTPConnection:
        """A connection for one request. Raises UpstreamFailed."""
        connection = http.client.HTTPConnection(address.host, address.port, timeout=self._seconds)
        connection.sock = self._socket(address)
        return connection

    def _socket(self, address: Address) -> socket.socket:
        plain = self._connected(address)
        if address.scheme == "http":
            return plain
        try:
            return self._tls().wrap_socket(plain, server_hostname=address.host)
        except (OSError, ValueError) as error:
            plain.close()
            reason = getattr(error, "verify_message", "") or str(error)
            raise UpstreamFailed(f"no TLS connection to {address}: {reason[:200]}") from None

    def _connected(self, address: Address) -> socket.socket:
        reason = "it has no address"
        for ip in self._resolved(address):
            if not self._trusted.may_connect(address, ip):
                reason = "it lies on a private network, and is not among this server's upstreams"
                continue
            try:
                made = socket.create_connection(
                    (ip, address.port), min(CONNECT_SECONDS, self._seconds)
                )
            except OSError as error:
                reason = error.strerror or str(error)
                continue
            made.settimeout(self._seconds)
            return made
        raise UpstreamFailed(f"no connection to {address}: {reason}")

    def _resolved(self, address: Address) -> list[str]:
        try:
            found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise UpstreamFailed(f"no connection to {address}: its name is not known") from None
        return list(dict.fromkeys(str(each[4][0]) for each in found))

    def _tls(self) -> ssl.SSLContext:
        # Made when first needed: it reads all the system's certificates.
        if self._context is None:
            self._context = ssl.create_default_context()
        return self._context
