"""KMS's operations on keys as such.

Source: KMS API reference, CreateKey, DescribeKey, ListKeys, UpdateKeyDescription.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from registry.aws.service import ANY
from registry.domain.requests import circumstances_of, identity_of
from registry.keys.making import new_key
from registry.keys.ring import MANAGED
from registry.kms.errors import not_pending, unsupported
from registry.kms.labels import labels
from registry.kms.policies import check_policy
from registry.kms.service import Operations, described, kms, scope_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context

PAGE = 100
"""Keys in one answer, where `Limit` says nothing."""


class KeyOperations(Operations):
    """Create, describe, list."""

    @kms.operation(resource=ANY, conditions=Operations.key_conditions)
    def create_key(
        self,
        context: Context,
        *,
        policy: str | None = None,
        description: str = "",
        key_usage: str = "ENCRYPT_DECRYPT",
        customer_master_key_spec: str = "SYMMETRIC_DEFAULT",
        key_spec: str = "SYMMETRIC_DEFAULT",
        origin: str = "AWS_KMS",
        custom_key_store_id: str | None = None,
        bypass_policy_lockout_safety_check: bool = False,
        tags: Sequence[Mapping[str, str]] = (),
        multi_region: bool = False,
        xks_key_id: str | None = None,
    ) -> Mapping[str, Any]:
        """Make a symmetric key; with tags only for who may tag it."""
        if key_usage != "ENCRYPT_DECRYPT" or {customer_master_key_spec, key_spec} != {_SPEC}:
            raise unsupported(f"keys other than {_SPEC} for ENCRYPT_DECRYPT")
        if origin != "AWS_KMS" or custom_key_store_id is not None or xks_key_id is not None:
            raise unsupported("imported keys and no custom key stores")
        if multi_region:
            raise unsupported("multi-Region keys")
        key = replace(
            new_key(self._keys.now(), scope_of(context), description),
            policy=policy,
            tags=labels((), tags),
        )
        if tags:
            about = circumstances_of(context, self.key_conditions(context, {"tags": tags})[0])
            self._access.require(identity_of(context), (_TAG,), key.arn, about)
        if policy is not None:
            caller = None if bypass_policy_lockout_safety_check else identity_of(context)
            check_policy(self._access, context, caller, key.arn, policy)
        self._keys.edit(lambda ring: ring.added(key))
        return {"KeyMetadata": described(key)}

    @kms.operation(resource=Operations.named_key_arn, conditions=Operations.key_conditions)
    def describe_key(
        self, context: Context, *, key_id: str, grant_tokens: Sequence[str] = ()
    ) -> Mapping[str, Any]:
        """A key's metadata; the account's keys for services are made when first asked for."""
        self._check_tokens(grant_tokens)
        if key_id in MANAGED:
            self._keys.resolve(key_id, scope_of(context))
        return {"KeyMetadata": described(self._key(context, key_id))}

    @kms.operation(resource=ANY)
    def list_keys(
        self,
        context: Context,
        *,
        limit: int = PAGE,
        marker: str | None = None,
        resource_owners: Sequence[str] = (),  # noqa: ARG002 - every key is its account's
    ) -> Mapping[str, Any]:
        """All keys of the account and region, by their id."""
        scope = scope_of(context)
        keys, more = self._page(
            f"keys {scope} {context.caller.arn}",
            self._keys.ring().of(scope),
            lambda key: key.key_id,
            marker=marker,
            limit=limit,
        )
        return {"Keys": [{"KeyId": key.key_id, "KeyArn": key.arn} for key in keys], **more}

    @kms.operation(resource=Operations.own_key_arn, conditions=Operations.key_conditions)
    def update_key_description(self, context: Context, *, key_id: str, description: str) -> None:
        """Say what a key is for."""
        self._change(
            context, key_id, lambda key: replace(not_pending(key), description=description)
        )


_TAG = "kms:TagResource"
_SPEC = "SYMMETRIC_DEFAULT"
