"""Which key a repository gets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from registry.domain.vault import PLAIN
from registry.values.errors import KeyNotFound, ParameterInvalid
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.domain.repositories import Encryption
    from registry.keys.provider import KeyProvider

DEFAULT_KEY = "alias/moorage/default"
"""Of repositories with encryption type AES256."""
MANAGED_KMS_KEY = "alias/aws/ecr"
"""Of repositories with encryption type KMS that name no key, as at AWS."""

Lent = Callable[[Scope, str], None]
"""Raises KeyNotFound for a key that a registry has no right to."""


class KeyChoice:
    """Finds the key that a registry asks for, if it may have it."""

    def __init__(self, keys: KeyProvider, lent: Lent, *, encrypted: bool) -> None:
        self._keys = keys
        self._lent = lent
        self._encrypted = encrypted

    def find(self, scope: Scope, encryption: Encryption) -> str:
        """Id of the key. Raises ParameterInvalid, KeyNotFound, KeyUnavailable."""
        if not self._encrypted:
            if encryption.key is not None:
                raise ParameterInvalid("this server runs with encryption turned off")
            return PLAIN
        if encryption.type == "AES256":
            if encryption.key is not None:
                raise ParameterInvalid("a KMS key can be named only with encryption type KMS")
            key_id = self._keys.resolve(DEFAULT_KEY)
        else:
            key_id = self._named(scope, encryption)
        self._keys.check(key_id)
        return key_id

    def _named(self, scope: Scope, encryption: Encryption) -> str:
        try:
            key_id = self._keys.resolve(encryption.key or MANAGED_KMS_KEY, scope)
            if not encryption.granted:
                self._lent(scope, key_id)
        except KeyNotFound:
            raise KeyNotFound(f"the KMS key {encryption.key!r} does not exist") from None
        return key_id
