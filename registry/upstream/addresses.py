"""Which hosts this server may speak to as upstreams, and how.

Anybody with an account and the right to make a rule names a host that the server then connects
to. So what lies on private networks (the machine itself, its neighbours, the metadata service of
a cloud) is out of reach, unless the operator has named it. It is the address that counts, looked
at when a connection is made: a name that is resolved anew each time gets nobody around it.

Source: OWASP, "Server-Side Request Forgery Prevention Cheat Sheet".
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from registry.values.digest import shown
from registry.values.errors import ParameterInvalid
from registry.values.fetching import UpstreamUnsupported

_LABEL = r"[a-z0-9](?:[a-z0-9_-]{0,62})"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Address:
    """Where requests go."""

    scheme: str
    host: str
    """A name or an IP address, in lower case, without brackets."""
    port: int

    @property
    def authority(self) -> str:
        """As a Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return self.authority


class Trusted:
    """The hosts that the operator has named, on whatever network they lie."""

    def __init__(self, text: str = "") -> None:
        """`text` has `host[:port]` or `http://host[:port]`, comma-separated.

        Raises ParameterInvalid.
        """
        named = [_parsed(part.strip()) for part in text.split(",") if part.strip()]
        if any(address is None for address in named):
            raise ParameterInvalid(
                f"upstreams: {shown(text)} is not a list of [http://]host[:port]"
            )
        self._named = {address for address in named if address is not None}

    def address(self, url: str) -> Address:
        """Where the `upstreamRegistryUrl` of a rule leads. Raises UpstreamUnsupported."""
        found = _parsed(url)
        if found is None:
            raise UpstreamUnsupported(f"The upstream registry {shown(url)} is not host[:port]")
        if "://" not in url:
            plain = Address("http", found.host, _port(url) or _PORTS["http"])
            found = plain if plain in self._named else found
        if found.scheme == "http" and found not in self._named:
            raise UpstreamUnsupported(
                f"The upstream registry {shown(url)} is not among those that this server speaks"
                " plain HTTP with"
            )
        return found

    def may_redirect(self, target: Address) -> bool:
        """Whether a request may be sent on to there, by the address's own looks."""
        return target.scheme == "https" or target in self._named

    def may_connect(self, address: Address, ip: str) -> bool:
        """Whether a connection for the address may be made to the IP address."""
        return address in self._named or _is_public(ip)


def parsed(url: str) -> Address | None:
    """The address of an absolute URL; None where it is not one of HTTP."""
    return _parsed(url.partition("?")[0]) if "://" in url else None


def _parsed(text: str) -> Address | None:
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or "@" in parts.netloc or not _is_host(host):
        return None
    if "://" not in text and (parts.path or parts.query or parts.fragment):
        return None
    return Address(parts.scheme, host, _PORTS[parts.scheme] if port is None else port)


def _port(text: str) -> int | None:
    return urlsplit(f"https://{text}").port


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return len(text) <= 253 and _HOST.fullmatch(text) is not None
    return True


def _is_public(ip: str) -> bool:
    address = ipaddress.ip_address(ip.partition("%")[0])
    inner = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    nat64 = address in _NAT64
    return (
        address.is_global
        and not address.is_multicast
        and not nat64
        and (inner is None or inner.is_global)
    )


_NAT64 = ipaddress.ip_network("64:ff9b::/96")
