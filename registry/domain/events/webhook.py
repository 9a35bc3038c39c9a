"""Deliveries over HTTP: signed, bounded in time, to no address that a webhook must not reach.

The signature is made as Stripe and GitHub make theirs: `Moorage-Signature: t=<seconds>,v1=<hex>`,
where the hex is HMAC-SHA256 of `<seconds>.<body>` under the target's secret. Redirects are not
followed: a signed body goes where its target says, and nowhere else.
"""

from __future__ import annotations

import hmac
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Self
from urllib.parse import urlsplit

from registry import __version__

SECONDS = 10.0
"""For one delivery, from connecting to the end of the answer."""
_ANSWER_MAX = 64 * 1024
_REFUSALS = range(400, 500)
_MAY_PASS = {401, 403, 404, 407, 408, 409, 423, 425, 429}
"""Answers of a target that is not ready, or not set up yet: another time it may take the event."""

_Address = tuple[socket.AddressFamily, Any]
"""The second is what `socket.connect` takes."""


class DeliveryFailed(Exception):
    """The target did not take an event. The text is for its owner and holds no secret."""

    def __init__(self, text: str, *, refused: bool = False) -> None:
        super().__init__(text)
        self.refused = refused
        """The target looked at this very event, and does not want it."""


def signature(secret: str, moment: int, body: bytes) -> str:
    """The value of Moorage-Signature."""
    signed = hmac.digest(secret.encode(), b"%d.%b" % (moment, body), "sha256")
    return f"t={moment},v1={signed.hex()}"


class Webhook:
    """One target's connection, kept open between deliveries. Not for several threads at once.

    `local` lets it reach loopback and link-local addresses; `tls` says whom to trust.
    """

    def __init__(
        self, url: str, secret: str, tls: ssl.SSLContext, *, local: bool, seconds: float = SECONDS
    ) -> None:
        self._url = urlsplit(url)
        self._secret = secret
        self._tls = tls
        self._local = local
        self._seconds = seconds
        self._connection: http.client.HTTPConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def send(self, event_id: str, body: str, attempt: int) -> None:
        """Deliver an event. Raises DeliveryFailed."""
        content = body.encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"Moorage/{__version__}",
            "Moorage-Event-Id": event_id,
            "Moorage-Attempt": str(attempt),
            "Moorage-Signature": signature(self._secret, int(time.time()), content),
        }
        try:
            status = self._post(headers, content)
        except TimeoutError:
            raise DeliveryFailed(f"no answer within {self._seconds:g} s") from None
        except ssl.SSLError as error:
            raise DeliveryFailed(
                f"TLS: {getattr(error, 'verify_message', '') or error.reason}"
            ) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise DeliveryFailed(_told(error)) from None
        _check(status)

    def _post(self, headers: Mapping[str, str], content: bytes) -> int:
        """The status of the answer; a kept connection that has ended meanwhile is made anew."""
        kept = self._connection is not None
        try:
            return self._post_once(headers, content)
        except (ConnectionError, http.client.HTTPException):
            if not kept:
                raise
            return self._post_once(headers, content)

    def _post_once(self, headers: Mapping[str, str], content: bytes) -> int:
        deadline = time.monotonic() + self._seconds
        connection = self._connection or self._open(deadline)
        self._connection = None
        path = self._url.path or "/"
        with _Watch(connection, deadline) as watch:
            try:
                query = f"?{self._url.query}" if self._url.query else ""
                connection.request("POST", path + query, content, dict(headers))
                answer = connection.getresponse()
                answer.read(_ANSWER_MAX)
                watch.raise_if_late()  # what was cut may look like an end
            except BaseException:
                connection.close()
                watch.raise_if_late()
                raise
        if answer.isclosed() and not answer.will_close and connection.sock is not None:
            self._connection = connection
        else:
            connection.close()
        return answer.status

    def _open(self, deadline: float) -> http.client.HTTPConnection:
        secure = self._url.scheme == "https"
        host = self._url.hostname or ""
        port = self._url.port or (443 if secure else 80)
        connection = http.client.HTTPConnection(host, port)
        if secure:
            connection = http.client.HTTPSConnection(host, port, context=self._tls)
        plain = _connected(_addresses(host, port, local=self._local), deadline)
        try:
            connection.sock = (
                self._tls.wrap_socket(plain, server_hostname=host) if secure else plain
            )
        except BaseException:
            plain.close()
            raise
        return connection


class _Watch:
    """Cuts a connection at the deadline, however slowly its other end speaks until then."""

    def __init__(self, connection: http.client.HTTPConnection, deadline: float) -> None:
        self._late = False
        self._socket = socket.socket(fileno=socket.dup(connection.sock.fileno()))
        self._timer = threading.Timer(max(deadline - time.monotonic(), 0), self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._socket.close()

    def _cut(self) -> None:
        self._late = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def raise_if_late(self) -> None:
        """Raise TimeoutError if it has cut the connection."""
        if self._late:
            raise TimeoutError


def _addresses(host: str, port: int, *, local: bool) -> list[_Address]:
    """Where the host is, as far as webhooks may go there. Raises DeliveryFailed, OSError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise DeliveryFailed(f"there is no host {host}") from None
    allowed: list[_Address] = [
        (family, address)
        for family, _, _, _, address in found
        if isinstance(address[0], str) and (local or not _is_local(address[0]))
    ]
    if not allowed:
        raise DeliveryFailed(f"{host} has an address that webhooks may not reach")
    return allowed


def _is_local(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(
        mapped.is_loopback
        or mapped.is_link_local
        or mapped.is_multicast
        or mapped.is_unspecified
        or mapped.is_reserved
    )


def _connected(addresses: list[_Address], deadline: float) -> socket.socket:
    failure: OSError = OSError("no address")
    for family, address in addresses:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        plain = socket.socket(family, socket.SOCK_STREAM)
        try:
            plain.settimeout(left)
            plain.connect(address)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            plain.close()
            failure = error
        else:
            return plain
    raise failure


def _check(status: int) -> None:
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise DeliveryFailed(f"answered {status}; redirects are not followed")
    refused = status in _REFUSALS and status not in _MAY_PASS
    raise DeliveryFailed(f"answered {status}", refused=refused)


def _told(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
