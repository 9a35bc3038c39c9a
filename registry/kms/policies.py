"""KMS's operations on key policies.

Source: KMS API reference, PutKeyPolicy, GetKeyPolicy, ListKeyPolicies.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from registry.aws.errors import ServiceError
from registry.aws.policy import PolicyKind, parse
from registry.domain.access import Guarded
from registry.domain.identities.identity import Document
from registry.domain.key_policies import NAME, SIZE_MAX, policy_of
from registry.domain.requests import circumstances_of, identity_of
from registry.kms.conditions import conditions
from registry.kms.service import Operations, kms
from registry.values.errors import KeyNotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.aws.context import Context
    from registry.domain.access import Access
    from registry.domain.identities.identity import Identity

_PUT = "kms:PutKeyPolicy"


class PolicyOperations(Operations):
    """Put, get, list."""

    @kms.operation(resource=Operations.own_key_arn, conditions=Operations.key_conditions)
    def put_key_policy(
        self,
        context: Context,
        *,
        key_id: str,
        policy: str,
        policy_name: str = NAME,
        bypass_policy_lockout_safety_check: bool = False,
    ) -> None:
        """Set the policy; one that locks the caller out of setting another only with bypass."""
        _check_name(policy_name)
        key = self._key(context, key_id)
        if key.managed:
            message = f"the policy of {key.arn} is the registry's and cannot be changed"
            raise ServiceError("UnsupportedOperationException", message)
        caller = None if bypass_policy_lockout_safety_check else identity_of(context)
        check_policy(self._access, context, caller, key.arn, policy)
        self._change(context, key_id, lambda key: replace(key, policy=policy))

    @kms.operation(resource=Operations.own_key_arn, conditions=Operations.key_conditions)
    def get_key_policy(
        self, context: Context, *, key_id: str, policy_name: str = NAME
    ) -> Mapping[str, Any]:
        """The policy, exactly as it was set."""
        _check_name(policy_name)
        return {"Policy": policy_of(self._key(context, key_id)), "PolicyName": NAME}

    @kms.operation(resource=Operations.own_key_arn, conditions=Operations.key_conditions)
    def list_key_policies(
        self,
        context: Context,
        *,
        key_id: str,
        limit: int = 1,
        marker: str | None = None,
    ) -> Mapping[str, Any]:
        """The one name that there is."""
        key = self._key(context, key_id)
        listing = f"policies {key.arn} {context.caller.arn}"
        names, more = self._page(listing, [NAME], str, marker=marker, limit=limit)
        return {"PolicyNames": names, **more}


def check_policy(
    access: Access, context: Context, caller: Identity | None, arn: str, text: str
) -> None:
    """Raise PolicyInvalid for what is no key policy, MalformedPolicyDocumentException for one
    that would keep the caller, if there is one, from setting another.
    """
    parse(text, PolicyKind.RESOURCE, limit=SIZE_MAX)
    if caller is None:
        return
    guarded = Guarded(Document("the new policy", text), required=True)
    circumstances = circumstances_of(context, conditions(caller.account, {}, None))
    if not access.decide(caller, _PUT, arn, circumstances, guarded).allowed:
        message = "The new key policy will not allow you to update the key policy in the future."
        raise ServiceError("MalformedPolicyDocumentException", message)


def _check_name(name: str) -> None:
    if name != NAME:
        raise KeyNotFound(f"No such policy exists: a key has one, with the name {NAME}")
