"""Keys of the local keyring and of AWS KMS together.

A key id says whose it is. So a repository can move from the one to the other like between any
two keys, and what lies under either is readable meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping

from registry.keys.aws import AwsKeys, arn_of, of_aws
from registry.keys.local import LocalKeyring
from registry.keys.provider import DataKey
from registry.keys.ring import DEFAULT_ALIAS, MANAGED
from registry.values.errors import KeyNotFound
from registry.values.scope import Scope


class Providers:
    """A KeyProvider. Whoever names no key gets the default one of AWS KMS."""

    remote = True

    def __init__(self, local: LocalKeyring, aws: AwsKeys) -> None:
        self._local = local
        self._aws = aws

    def resolve(self, reference: str, scope: Scope | None = None) -> str:
        """Key id of a reference, here or else at AWS. Raises KeyNotFound, KeyUnavailable."""
        if reference in (DEFAULT_ALIAS, *MANAGED):
            return self._aws.resolve(self._aws.default)
        try:
            return self._local.resolve(reference, scope)
        except KeyNotFound:
            return self._aws.resolve(reference)

    def arn(self, key_id: str, scope: Scope) -> str:
        """ARN of a key."""
        return arn_of(key_id) if of_aws(key_id) else self._local.arn(key_id, scope)

    def check(self, key_id: str) -> None:
        """Raise KeyNotFound or KeyUnavailable unless the key may be used now."""
        self._of(key_id).check(key_id)

    def generate_data_key(self, key_id: str, context: Mapping[str, str]) -> DataKey:
        """A new data key bound to `context`. Raises KeyNotFound, KeyUnavailable."""
        return self._of(key_id).generate_data_key(key_id, context)

    def decrypt_data_key(self, key_id: str, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """The plaintext of a data key. Raises KeyNotFound, KeyUnavailable, Damaged."""
        return self._of(key_id).decrypt_data_key(key_id, wrapped, context)

    def _of(self, key_id: str) -> AwsKeys | LocalKeyring:
        return self._aws if of_aws(key_id) else self._local
