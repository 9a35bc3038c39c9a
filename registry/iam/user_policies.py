"""IAM's operations on the policies of users: inline, and attached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.domain.identities.entities import USERS
from registry.iam.holdings import HoldingOperations
from registry.iam.service import Operations, iam

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.aws.context import Context


class UserPolicyOperations(HoldingOperations):
    """Put, get, list, delete; attach, detach."""

    kind = USERS

    @iam.operation(resource=Operations.user_arn, conditions=Operations.user_boundary)
    def put_user_policy(
        self, context: Context, *, user_name: str, policy_name: str, policy_document: str
    ) -> None:
        """Add or replace an inline policy."""
        self._stores.holdings.put(USERS, context.account, user_name, policy_name, policy_document)

    @iam.operation(resource=Operations.user_arn)
    def get_user_policy(
        self, context: Context, *, user_name: str, policy_name: str
    ) -> Mapping[str, Any]:
        """An inline policy with its document."""
        return self._inline(context, user_name, policy_name)

    @iam.operation(resource=Operations.user_arn)
    def list_user_policies(
        self,
        context: Context,
        *,
        user_name: str,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """Names of inline policies."""
        return self._inline_names(context, user_name, marker, max_items)

    @iam.operation(resource=Operations.user_arn, conditions=Operations.user_boundary)
    def delete_user_policy(self, context: Context, *, user_name: str, policy_name: str) -> None:
        """Remove an inline policy."""
        self._stores.holdings.delete_inline(USERS, context.account, user_name, policy_name)

    @iam.operation(resource=Operations.user_arn, conditions=Operations.user_boundary)
    def attach_user_policy(self, context: Context, *, user_name: str, policy_arn: str) -> None:
        """Attach a managed policy."""
        self._stores.holdings.attach(USERS, context.account, user_name, policy_arn)

    @iam.operation(resource=Operations.user_arn, conditions=Operations.user_boundary)
    def detach_user_policy(self, context: Context, *, user_name: str, policy_arn: str) -> None:
        """Detach a managed policy."""
        self._stores.holdings.detach(USERS, context.account, user_name, policy_arn)

    @iam.operation(resource=Operations.user_arn)
    def list_attached_user_policies(
        self,
        context: Context,
        *,
        user_name: str,
        path_prefix: str = "/",
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """Attached managed policies, by name."""
        return self._attached(context, user_name, path_prefix, marker, max_items)
