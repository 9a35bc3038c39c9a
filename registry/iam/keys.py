"""IAM's operations on access keys.

A secret is in one answer, that of CreateAccessKey, and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.domain.access import Found
from registry.iam.service import Operations, iam, user_name
from registry.values.errors import EntityNotFound, ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.iam.service import Parameters

named = user_name
_ACTIVE = {True: "Active", False: "Inactive"}


class KeyOperations(Operations):
    """Create, list, update, delete."""

    def owner_arn(self, context: Context, parameters: Parameters) -> Sequence[str]:
        """ARN of the user whose key it is; of no user in particular, if it is nobody's."""
        anybody = f"arn:aws:iam::{context.account}:user/*"
        try:
            owner = self._stores.keys.owner(context.account, parameters["access_key_id"])
        except EntityNotFound:
            return (anybody,)
        return (Found(owner.arn, anybody),)

    @iam.operation(resource=Operations.user_arn)
    def create_access_key(
        self, context: Context, *, user_name: str | None = None
    ) -> Mapping[str, Any]:
        """Another key, with its secret."""
        key = self._stores.keys.create(context.account, named(context, user_name))
        return {
            "AccessKey": {
                "UserName": key.user_name,
                "AccessKeyId": key.id,
                "Status": _ACTIVE[True],
                "SecretAccessKey": key.secret,
                "CreateDate": key.created_at,
            }
        }

    @iam.operation(resource=Operations.user_arn)
    def list_access_keys(
        self,
        context: Context,
        *,
        user_name: str | None = None,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """The keys of a user, without their secrets."""
        name = named(context, user_name)
        keys = self._stores.keys.list(context.account, name)
        paging = self._paging(context, f"access keys {name}", marker, max_items)
        found, more = paging.cut(keys, lambda key: key.id)
        shown = [
            {
                "UserName": key.user.name,
                "AccessKeyId": key.id,
                "Status": _ACTIVE[key.active],
                "CreateDate": key.created_at,
            }
            for key in found
        ]
        return {"AccessKeyMetadata": shown, **more}

    @iam.operation(resource=Operations.user_arn)
    def update_access_key(
        self, context: Context, *, access_key_id: str, status: str, user_name: str | None = None
    ) -> None:
        """Let a key work, or end it: its signatures, sessions and docker tokens at once."""
        if status not in _ACTIVE.values():
            raise ParameterInvalid("An access key is made Active or Inactive.")
        name = named(context, user_name)
        active = status == _ACTIVE[True]
        self._stores.keys.set_active(context.account, name, access_key_id, active=active)

    @iam.operation(resource=Operations.user_arn)
    def delete_access_key(
        self, context: Context, *, access_key_id: str, user_name: str | None = None
    ) -> None:
        """Remove a key."""
        name = named(context, user_name)
        self._stores.keys.delete(context.account, name, access_key_id)

    @iam.operation(resource=owner_arn)
    def get_access_key_last_used(
        self, context: Context, *, access_key_id: str
    ) -> Mapping[str, Any]:
        """Whose key it is. When it was used last is not kept, which AWS's answer can say."""
        owner = self._stores.keys.owner(context.account, access_key_id)
        return {
            "UserName": owner.name,
            "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"},
        }
