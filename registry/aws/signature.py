"""The arithmetic of AWS Signature Version 4, over a request as it arrived.

Source: IAM User Guide, "Create a signed AWS API request". Everything except S3: the path is
normalized and encoded once more, the payload is always hashed.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote_to_bytes

from registry.aws.protocol import Incoming

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a signing key is good for."""

    date: str
    """`YYYYMMDD`"""
    region: str
    service: str

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{TERMINATOR}"


def canonical_request(incoming: Incoming, signed_headers: Sequence[str], payload_hash: str) -> str:
    """The request in the one form that both sides hash."""
    return "\n".join(
        (
            incoming.method.upper(),
            canonical_path(incoming.path),
            canonical_query(incoming.query),
            canonical_headers(incoming.headers, signed_headers),
            ";".join(signed_headers),
            payload_hash,
        )
    )


def canonical_path(path: str) -> str:
    """Dots and repeated slashes resolved, then every part encoded (the second time)."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    last = "/" if path.endswith("/") and parts else ""
    return quote(f"/{'/'.join(parts)}{last}", safe="/~")


def canonical_query(query: str) -> str:
    """The parameters encoded alike and sorted, without the signature itself."""
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    encoded = [(_recoded(name), _recoded(value)) for name, _, value in pairs]
    kept = sorted(pair for pair in encoded if pair[0] != "X-Amz-Signature")
    return "&".join(f"{name}={value}" for name, value in kept)


def canonical_headers(headers: Sequence[tuple[str, str]], signed_headers: Sequence[str]) -> str:
    """`name:value` lines, spaces collapsed, repeated headers joined in their order."""
    lines = []
    for name in signed_headers:
        values = [" ".join(value.split()) for key, value in headers if key == name]
        lines.append(f"{name}:{','.join(values)}\n")
    return "".join(lines)


def string_to_sign(timestamp: str, scope: Scope, canonical: str) -> str:
    """The text that the signing key signs; `timestamp` is `YYYYMMDDTHHMMSSZ`."""
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return f"{ALGORITHM}\n{timestamp}\n{scope}\n{digest}"


def signature(secret: str, scope: Scope, text: str) -> str:
    """The signature in hex."""
    key = f"AWS4{secret}".encode()
    for part in (scope.date, scope.region, scope.service, TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def _recoded(text: str) -> str:
    return quote(unquote_to_bytes(text), safe="-_.~")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says of its own signature; nothing of it is checked yet."""

    access_key_id: str
    scope: Scope
    timestamp: str
    signed_headers: tuple[str, ...]
    signature: str = field(repr=False)
    session_token: str | None = field(repr=False)
    expires: int | None = None
    """Seconds that a presigned URL is good for; None for the header form."""
