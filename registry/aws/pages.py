"""Pagination tokens: opaque, and good only for the caller and the listing they came from.

A token holds the last entry shown, not a number of entries, so writes between two pages make
a listing neither skip nor repeat what was there all along.
"""

from __future__ import annotations

import base64
import json
import os
from typing import TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from registry.values.errors import ParameterInvalid

_NONCE = 12
P = TypeVar("P", str, int, tuple[int, str])


class Pages:
    """Seals and opens positions in listings."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, listing: str, position: str | int | tuple[int, str]) -> str:
        """A token; `listing` names what is listed, for whom, and with which filters."""
        nonce = os.urandom(_NONCE)
        sealed = self._cipher.encrypt(nonce, json.dumps(position).encode(), listing.encode())
        return base64.urlsafe_b64encode(nonce + sealed).decode()

    def open(self, listing: str, token: str | None, first: P) -> P:
        """The position; `first` without a token. Raises ParameterInvalid."""
        if token is None:
            return first
        try:
            sealed = base64.b64decode(token, altchars=b"-_", validate=True)
            text = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], listing.encode())
        except (ValueError, InvalidTag):
            raise ParameterInvalid(
                "Invalid parameter at 'nextToken' failed to satisfy constraint:"
                " 'must be the token of the page before, of the same caller and listing'"
            ) from None
        position = json.loads(text)
        return tuple(position) if isinstance(position, list) else position  # type: ignore[return-value]  # sealed by us, for this listing
