"""What storage asks of whoever keeps the master keys.

Envelope encryption as AWS KMS does it (AWS KMS Developer Guide, "Envelope encryption"):
a master key never leaves its provider; it makes and unwraps data keys, and each stored
object has one of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from registry.values.scope import Scope


@dataclass(frozen=True, slots=True)
class DataKey:
    """A fresh 256-bit data key, in clear for use now and wrapped for keeping."""

    plaintext: bytes = field(repr=False)
    wrapped: bytes


class KeyProvider(Protocol):
    """Keeper of master keys, named by their id (for KMS, the UUID at the end of the ARN)."""

    @property
    def remote(self) -> bool:
        """Whether data keys come over the network: then not on an event loop."""

    def resolve(self, reference: str, scope: Scope | None = None) -> str:
        """Key id of an id, `alias/…` or ARN of either. Raises KeyNotFound.

        `scope` says whose ids and aliases are meant; without one they are the server's.
        """

    def arn(self, key_id: str, scope: Scope) -> str:
        """ARN of a key; where it is not known any more, as if it had been in `scope`."""

    def check(self, key_id: str) -> None:
        """Raise KeyNotFound, or KeyUnavailable unless the key is enabled now.

        Cheap enough for every request: no network, a few microseconds.
        """

    def generate_data_key(self, key_id: str, context: Mapping[str, str]) -> DataKey:
        """A new data key bound to `context`. Raises KeyNotFound, KeyUnavailable."""

    def decrypt_data_key(self, key_id: str, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """The plaintext of a wrapped data key.

        Raises KeyNotFound, KeyUnavailable, or Damaged where the wrapped bytes, the key or the
        context are not those it was made with.
        """
