"""What the server process itself is told; the application has settings of its own."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import ssl
from dataclasses import dataclass

from registry.http.limits import Limits
from registry.values.errors import MoorageError


class StartFailed(MoorageError):
    """The server cannot start; the message says why to the person who starts it."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Checked when made: raises StartFailed for what cannot work."""

    host: str = "127.0.0.1"
    port: int = 5000
    """0 takes any free port."""
    workers: int = 1
    tls_cert: str | None = None
    """Path of a PEM file: the certificate and its chain."""
    tls_key: str | None = None
    """Path of the PEM file with its private key."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks whose X-Forwarded-For and -Proto are believed."""
    grace: float = 30.0
    """Seconds that requests in flight have to finish at a stop."""
    limits: Limits = Limits()
    scratch: str | None = None
    """A directory for files that mean nothing after the server's end; None: the system's."""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise StartFailed(f"workers is {self.workers}, not at least 1")
        if not 0 <= self.port <= 65535:
            raise StartFailed(f"port {self.port} is not between 0 and 65535")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise StartFailed("a TLS certificate and its key are given together or not at all")
        for proxy in self.trusted_proxies:
            _check_network(proxy)

    @property
    def scheme(self) -> str:
        """http, or https with a certificate."""
        return "http" if self.tls_cert is None else "https"

    def tls(self) -> ssl.SSLContext | None:
        """TLS 1.2 or newer with the certificate. Raises StartFailed if it cannot be loaded."""
        if self.tls_cert is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self.tls_cert, self.tls_key, _no_password)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise StartFailed(
                f"cannot load the TLS certificate {self.tls_cert} with the key {self.tls_key}:"
                f" {error}"
            ) from error
        return context

    def to_json(self) -> str:
        """For a worker process."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ServerSettings:
        """What `to_json` wrote."""
        values = json.loads(text)
        values["limits"] = Limits(**values["limits"])
        values["trusted_proxies"] = tuple(values["trusted_proxies"])
        return cls(**values)


def _check_network(text: str) -> None:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise StartFailed(
            f"trusted proxy {text!r} is not an IP address or network (192.0.2.1, 10.0.0.0/8)"
        ) from None


def _no_password() -> str:
    raise ValueError("the key is encrypted; give it without a passphrase")
