"""IAM's operations on roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.domain.identities.entities import ROLES
from registry.domain.identities.roles import SESSION_SECONDS
from registry.iam import shapes
from registry.iam.service import Operations, all_of, iam, new_arn, request_conditions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context


class RoleOperations(Operations):
    """Create, get, list, update, delete; trust and permissions boundary."""

    @iam.operation(resource=new_arn("role", "role_name"), conditions=request_conditions)
    def create_role(
        self,
        context: Context,
        *,
        role_name: str,
        assume_role_policy_document: str,
        path: str = "/",
        description: str = "",
        max_session_duration: int = SESSION_SECONDS,
        permissions_boundary: str | None = None,
        tags: Sequence[Mapping[str, str]] = (),
    ) -> Mapping[str, Any]:
        """Make a role that can do nothing yet."""
        role = self._stores.roles.create(
            context.account,
            role_name,
            assume_role_policy_document,
            path=path,
            description=description,
            session_seconds=max_session_duration,
            boundary=permissions_boundary,
            tags=shapes.read_tags(tags),
        )
        return {"Role": shapes.role(role, whole=True)}

    @iam.operation(resource=Operations.role_arn)
    def get_role(self, context: Context, *, role_name: str) -> Mapping[str, Any]:
        """A role."""
        role = self._stores.roles.get(context.account, role_name)
        return {"Role": shapes.role(role, whole=True)}

    @iam.operation(resource=all_of("role"))
    def list_roles(
        self,
        context: Context,
        *,
        path_prefix: str = "/",
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """Roles by name."""
        paging = self._paging(context, f"roles {path_prefix}", marker, max_items)
        found, more = paging.load(
            lambda after, limit: self._stores.roles.page(
                context.account, after, limit, path_prefix
            ),
            lambda role: role.entity.name,
        )
        return {"Roles": [shapes.role(role) for role in found], **more}

    @iam.operation(resource=Operations.role_arn)
    def update_role(
        self,
        context: Context,
        *,
        role_name: str,
        description: str | None = None,
        max_session_duration: int | None = None,
    ) -> None:
        """Change the description, or how long sessions last at most."""
        self._stores.roles.update(
            context.account,
            role_name,
            description=description,
            session_seconds=max_session_duration,
        )

    @iam.operation(resource=Operations.role_arn)
    def update_role_description(
        self, context: Context, *, role_name: str, description: str
    ) -> Mapping[str, Any]:
        """Change the description."""
        self._stores.roles.update(context.account, role_name, description=description)
        role = self._stores.roles.get(context.account, role_name)
        return {"Role": shapes.role(role, whole=True)}

    @iam.operation(resource=Operations.role_arn)
    def update_assume_role_policy(
        self, context: Context, *, role_name: str, policy_document: str
    ) -> None:
        """Change who may assume the role."""
        self._stores.roles.trust(context.account, role_name, policy_document)

    @iam.operation(resource=Operations.role_arn)
    def delete_role(self, context: Context, *, role_name: str) -> None:
        """Remove a role that has nothing any more; its sessions end."""
        self._stores.roles.delete(context.account, role_name)

    @iam.operation(resource=Operations.role_arn, conditions=request_conditions)
    def put_role_permissions_boundary(
        self, context: Context, *, role_name: str, permissions_boundary: str
    ) -> None:
        """Limit what a role can be allowed."""
        self._stores.holdings.bound(ROLES, context.account, role_name, permissions_boundary)

    @iam.operation(resource=Operations.role_arn, conditions=Operations.role_boundary)
    def delete_role_permissions_boundary(self, context: Context, *, role_name: str) -> None:
        """Take the limit away."""
        self._stores.holdings.bound(ROLES, context.account, role_name, None)
