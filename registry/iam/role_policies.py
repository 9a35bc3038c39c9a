"""IAM's operations on the policies of roles: inline, and attached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.domain.identities.entities import ROLES
from registry.iam.holdings import HoldingOperations
from registry.iam.service import Operations, iam

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.aws.context import Context


class RolePolicyOperations(HoldingOperations):
    """Put, get, list, delete; attach, detach."""

    kind = ROLES

    @iam.operation(resource=Operations.role_arn, conditions=Operations.role_boundary)
    def put_role_policy(
        self, context: Context, *, role_name: str, policy_name: str, policy_document: str
    ) -> None:
        """Add or replace an inline policy."""
        self._stores.holdings.put(ROLES, context.account, role_name, policy_name, policy_document)

    @iam.operation(resource=Operations.role_arn)
    def get_role_policy(
        self, context: Context, *, role_name: str, policy_name: str
    ) -> Mapping[str, Any]:
        """An inline policy with its document."""
        return self._inline(context, role_name, policy_name)

    @iam.operation(resource=Operations.role_arn)
    def list_role_policies(
        self,
        context: Context,
        *,
        role_name: str,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """Names of inline policies."""
        return self._inline_names(context, role_name, marker, max_items)

    @iam.operation(resource=Operations.role_arn, conditions=Operations.role_boundary)
    def delete_role_policy(self, context: Context, *, role_name: str, policy_name: str) -> None:
        """Remove an inline policy."""
        self._stores.holdings.delete_inline(ROLES, context.account, role_name, policy_name)

    @iam.operation(resource=Operations.role_arn, conditions=Operations.role_boundary)
    def attach_role_policy(self, context: Context, *, role_name: str, policy_arn: str) -> None:
        """Attach a managed policy."""
        self._stores.holdings.attach(ROLES, context.account, role_name, policy_arn)

    @iam.operation(resource=Operations.role_arn, conditions=Operations.role_boundary)
    def detach_role_policy(self, context: Context, *, role_name: str, policy_arn: str) -> None:
        """Detach a managed policy."""
        self._stores.holdings.detach(ROLES, context.account, role_name, policy_arn)

    @iam.operation(resource=Operations.role_arn)
    def list_attached_role_policies(
        self,
        context: Context,
        *,
        role_name: str,
        path_prefix: str = "/",
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """Attached managed policies, by name."""
        return self._attached(context, role_name, path_prefix, marker, max_items)
