"""IAM's operations on the policies of groups: inline, and attached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.domain.identities.entities import GROUPS
from registry.iam.holdings import HoldingOperations
from registry.iam.service import Operations, iam, request_conditions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.aws.context import Context


class GroupPolicyOperations(HoldingOperations):
    """Put, get, list, delete; attach, detach."""

    kind = GROUPS

    @iam.operation(resource=Operations.group_arn)
    def put_group_policy(
        self, context: Context, *, group_name: str, policy_name: str, policy_document: str
    ) -> None:
        """Add or replace an inline policy."""
        self._stores.holdings.put(GROUPS, context.account, group_name, policy_name, policy_document)

    @iam.operation(resource=Operations.group_arn)
    def get_group_policy(
        self, context: Context, *, group_name: str, policy_name: str
    ) -> Mapping[str, Any]:
        """An inline policy with its document."""
        return self._inline(context, group_name, policy_name)

    @iam.operation(resource=Operations.group_arn)
    def list_group_policies(
        self,
        context: Context,
        *,
        group_name: str,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """Names of inline policies."""
        return self._inline_names(context, group_name, marker, max_items)

    @iam.operation(resource=Operations.group_arn)
    def delete_group_policy(self, context: Context, *, group_name: str, policy_name: str) -> None:
        """Remove an inline policy."""
        self._stores.holdings.delete_inline(GROUPS, context.account, group_name, policy_name)

    @iam.operation(resource=Operations.group_arn, conditions=request_conditions)
    def attach_group_policy(self, context: Context, *, group_name: str, policy_arn: str) -> None:
        """Attach a managed policy."""
        self._stores.holdings.attach(GROUPS, context.account, group_name, policy_arn)

    @iam.operation(resource=Operations.group_arn, conditions=request_conditions)
    def detach_group_policy(self, context: Context, *, group_name: str, policy_arn: str) -> None:
        """Detach a managed policy."""
        self._stores.holdings.detach(GROUPS, context.account, group_name, policy_arn)

    @iam.operation(resource=Operations.group_arn)
    def list_attached_group_policies(
        self,
        context: Context,
        *,
        group_name: str,
        path_prefix: str = "/",
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """Attached managed policies, by name."""
        return self._attached(context, group_name, path_prefix, marker, max_items)
