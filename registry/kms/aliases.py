"""KMS's operations on aliases.

Source: KMS API reference, CreateAlias, UpdateAlias, DeleteAlias, ListAliases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.errors import ServiceError
from registry.aws.service import ANY
from registry.keys.ring import checked_alias
from registry.kms.errors import not_pending
from registry.kms.service import Operations, kms, scope_of
from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.keys.ring import Alias, Ring

PAGE, PAGE_MAX = 50, 100
"""Aliases in one answer, where `Limit` says nothing; at most."""


class AliasOperations(Operations):
    """Create, update, delete, list."""

    def alias_and_target(self, context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
        """ARNs of the alias and of the key it is to stand for."""
        target = self._own(context, parameters["target_key_id"])
        return (_arn(context, parameters["alias_name"]), target)

    def alias_and_keys(self, context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
        """ARNs of the alias, of the key it stands for, and of the one it is to stand for."""
        arns = [_arn(context, parameters["alias_name"])]
        key = self._find(context, parameters["alias_name"])
        if key is not None:
            arns.append(key.arn)
        if "target_key_id" in parameters:
            arns.append(self._own(context, parameters["target_key_id"]))
        return arns

    @kms.operation(resource=alias_and_target, conditions=Operations.key_conditions)
    def create_alias(self, context: Context, *, alias_name: str, target_key_id: str) -> None:
        """Give a key a name."""
        _check(alias_name)
        scope, target = scope_of(context), self._key(context, target_key_id).key_id

        def change(ring: Ring) -> Ring:
            if ring.holder(alias_name, scope) is not None:
                arn = _arn(context, alias_name)
                message = f"An alias with the name {arn} already exists"
                raise ServiceError("AlreadyExistsException", message)
            not_pending(ring.key(target))
            return ring.aliased(alias_name, target, self._keys.now())

        self._keys.edit(change)

    @kms.operation(resource=alias_and_keys, conditions=Operations.key_conditions)
    def update_alias(self, context: Context, *, alias_name: str, target_key_id: str) -> None:
        """Let a name stand for another key."""
        self._key(context, alias_name)
        _check(alias_name)
        target = self._key(context, target_key_id).key_id

        def change(ring: Ring) -> Ring:
            not_pending(ring.key(target))
            return ring.aliased(alias_name, target, self._keys.now())

        self._keys.edit(change)

    @kms.operation(resource=alias_and_keys, conditions=Operations.key_conditions)
    def delete_alias(self, context: Context, *, alias_name: str) -> None:
        """Take a name from its key."""
        self._key(context, alias_name)
        _check(alias_name)
        scope = scope_of(context)
        self._keys.edit(lambda ring: ring.unaliased(alias_name, scope))

    @kms.operation(resource=ANY)
    def list_aliases(
        self,
        context: Context,
        *,
        key_id: str | None = None,
        limit: int = PAGE,
        marker: str | None = None,
    ) -> Mapping[str, Any]:
        """All aliases of the account and region, or those of a key, by name."""
        scope = scope_of(context)
        if key_id is None:
            keys = self._keys.ring().of(scope)
        else:
            self._own(context, key_id)
            keys = [self._key(context, key_id)]
        named = [(alias, key.key_id) for key in keys for alias in key.named]
        found, more = self._page(
            f"aliases {scope} {key_id} {context.caller.arn}",
            named,
            lambda pair: pair[0].name,
            marker=marker,
            limit=min(limit, PAGE_MAX),
        )
        shown = [_listed(context, alias, target) for alias, target in found]
        return {"Aliases": shown, **more}


def _listed(context: Context, alias: Alias, target: str) -> dict[str, Any]:
    """An AliasListEntry."""
    shown = {"AliasName": alias.name, "AliasArn": _arn(context, alias.name), "TargetKeyId": target}
    dates = {"CreationDate": alias.created, "LastUpdatedDate": alias.updated}
    return {**shown, **{name: date for name, date in dates.items() if date is not None}}


def _arn(context: Context, alias: str) -> str:
    if not alias.startswith("alias/"):
        message = "Alias must start with the prefix 'alias/'"
        raise ServiceError("InvalidAliasNameException", message)
    return f"arn:aws:kms:{context.region}:{context.account}:{alias}"


def _check(alias: str) -> None:
    try:
        checked_alias(alias)
    except ParameterInvalid as error:
        raise ServiceError("InvalidAliasNameException", str(error)) from None
