"""Content digests, `algorithm:hex`.

Source: OCI image-spec descriptor.md, "Digests". sha256 and sha512 are the registered
algorithms that a registry must be able to verify.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.values.errors import DigestInvalid, DigestMismatch

if TYPE_CHECKING:
    from hashlib import _Hash

HEX_LENGTH = {"sha256": 64, "sha512": 128}
CANONICAL = "sha256"
_GRAMMAR = re.compile(r"([a-z0-9]+(?:[+._-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)", re.ASCII)
_HEX = re.compile(r"[0-9a-f]+", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A checked digest; `str()` gives the wire form."""

    algorithm: str
    hex: str

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read the wire form.

        Raises DigestInvalid naming what is wrong: grammar, algorithm or length.
        """
        match = _GRAMMAR.fullmatch(text)
        if match is None:
            raise DigestInvalid(f"{shown(text)} is not a digest (algorithm:hex)")
        algorithm, hexadecimal = match.groups()
        length = HEX_LENGTH.get(algorithm)
        if length is None:
            raise DigestInvalid(
                f"digest algorithm {shown(algorithm)} is not supported (sha256, sha512)"
            )
        if len(hexadecimal) != length or _HEX.fullmatch(hexadecimal) is None:
            raise DigestInvalid(f"{shown(text)} is not {length} lower-case hex digits long")
        return cls(algorithm, hexadecimal)

    @classmethod
    def of(cls, content: bytes, algorithm: str = CANONICAL) -> Digest:
        """The digest of bytes in memory."""
        return cls(algorithm, hashlib.new(algorithm, content).hexdigest())

    def verify(self, actual: Digest) -> None:
        """Raise DigestMismatch unless `actual`, computed from the content, is this digest."""
        if self != actual:
            raise DigestMismatch(f"the content has digest {actual}, not {self}")


def hasher(algorithm: str = CANONICAL) -> _Hash:
    """A running hash. Raises DigestInvalid for an algorithm that is not supported."""
    if algorithm not in HEX_LENGTH:
        raise DigestInvalid(
            f"digest algorithm {shown(algorithm)} is not supported (sha256, sha512)"
        )
    return hashlib.new(algorithm)


def shown(text: str) -> str:
    """Client text as an error may show it: quoted, escaped, bounded."""
    cut = text if len(text) <= 160 else text[:160] + "…"
    return repr(cut)
