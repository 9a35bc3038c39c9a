"""May a repository be made with that key?

Source: ECR User Guide, "Encryption at rest": whoever makes a repository with a KMS key needs
`kms:DescribeKey` and `kms:CreateGrant` on it. What the registry makes for somebody, by a template,
is asked of the registry's account. A key of AWS KMS is used with the server's credentials, and its
policy is AWS's to decide: nobody is asked here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from registry.domain.key_policies import REPOSITORY_ACTIONS, lends, service_name
from registry.keys.aws import of_aws
from registry.values.errors import Denied, KeyNotFound, KeyUnavailable

if TYPE_CHECKING:
    from registry.domain.access import Access, Circumstances
    from registry.domain.identities.identity import Identity
    from registry.domain.repositories import Encryption
    from registry.keys.local import LocalKeyring
    from registry.keys.provider import KeyProvider
    from registry.values.scope import Scope


class KeyUse:
    """Asks on behalf of callers of ECR's operations."""

    def __init__(self, keys: KeyProvider, access: Access) -> None:
        self._keys = keys
        self._access = access

    def granted(
        self,
        identity: Identity,
        circumstances: Circumstances,
        scope: Scope,
        encryption: Encryption,
    ) -> Encryption:
        """The encryption, once the caller is found to have a right to its key.

        Raises KeyUnavailable where not; KeyNotFound.
        """
        if encryption.type == "AES256" or encryption.key is None:
            return encryption
        key_id = self._keys.resolve(encryption.key, scope)
        if of_aws(key_id):
            return replace(encryption, granted=True)
        arn = self._keys.arn(key_id, scope)
        more = {
            **circumstances.more,
            "kms:calleraccount": identity.account,
            "kms:viaservice": service_name(scope.region),
            "kms:grantisforawsresource": "true",
        }
        try:
            self._access.require(
                identity, REPOSITORY_ACTIONS, arn, replace(circumstances, more=more)
            )
        except Denied as error:
            raise KeyUnavailable(str(error)) from None
        return replace(encryption, granted=True)


class Lending:
    """Asks on behalf of a registry."""

    def __init__(self, keys: LocalKeyring) -> None:
        self._keys = keys

    def __call__(self, scope: Scope, key_id: str) -> None:
        """Raise KeyNotFound unless the registry may make repositories with the key."""
        if of_aws(key_id):
            return
        if not lends(self._keys.ring().key(key_id), scope):
            raise KeyNotFound(f"the policy of the key {key_id} does not let {scope.account} use it")
