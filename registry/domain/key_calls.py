"""May a caller have something sealed or opened under a key, through a service?

Source: Systems Manager User Guide, "How AWS Systems Manager Parameter Store uses AWS KMS";
Secrets Manager User Guide, "Secret encryption and decryption": the service calls KMS on behalf of
its caller, who needs the permission. A key that AWS KMS keeps is used with the server's own
credentials, and nobody is asked here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from registry.domain.grants import CONTEXT, CONTEXT_KEYS
from registry.domain.key_policies import service_name
from registry.keys.aws import of_aws

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.domain.access import Access, Circumstances, Value
    from registry.domain.identities.identity import Identity
    from registry.keys.provider import KeyProvider
    from registry.values.scope import Scope


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks the service, and where."""

    identity: Identity
    circumstances: Circumstances
    scope: Scope


class KeyCalls:
    """Asks on behalf of the callers of one service."""

    def __init__(self, keys: KeyProvider, access: Access, service: str) -> None:
        """`service` as in `kms:ViaService`, such as `ssm`."""
        self._keys = keys
        self._access = access
        self._service = service

    def require(self, asking: Asking, action: str, key_id: str, context: Mapping[str, str]) -> None:
        """Raise Denied unless the caller may; KeyNotFound, KeyUnavailable."""
        if of_aws(key_id):
            return
        self._keys.check(key_id)
        more: dict[str, Value] = {
            "kms:calleraccount": asking.identity.account,
            "kms:viaservice": service_name(asking.scope.region, self._service),
            CONTEXT_KEYS: tuple(sorted(context)),
        }
        more |= {CONTEXT + name.lower(): value for name, value in context.items()}
        arn = self._keys.arn(key_id, asking.scope)
        circumstances = replace(asking.circumstances, more=more, parameters={})
        self._access.require(asking.identity, (action,), arn, circumstances)
