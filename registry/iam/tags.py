"""IAM's operations on tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.iam import shapes
from registry.iam.service import Operations, iam, policy_arn, request_conditions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.domain.identities.entities import Entity
    from registry.domain.identities.policies import Policy


class TagOperations(Operations):
    """Tag, untag and list, for whatever can have tags."""

    @iam.operation(resource=Operations.user_arn, conditions=request_conditions)
    def tag_user(
        self, context: Context, *, user_name: str, tags: Sequence[Mapping[str, str]]
    ) -> None:
        """Add or change tags of a user."""
        self._stores.users.tag(context.account, user_name, shapes.read_tags(tags))

    @iam.operation(resource=Operations.user_arn, conditions=request_conditions)
    def untag_user(self, context: Context, *, user_name: str, tag_keys: Sequence[str]) -> None:
        """Remove tags of a user."""
        self._stores.users.untag(context.account, user_name, tag_keys)

    @iam.operation(resource=Operations.user_arn)
    def list_user_tags(
        self,
        context: Context,
        *,
        user_name: str,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """Tags of a user, by key."""
        user = self._stores.users.get(context.account, user_name)
        return self._tags(context, user, marker, max_items)

    @iam.operation(resource=Operations.role_arn, conditions=request_conditions)
    def tag_role(
        self, context: Context, *, role_name: str, tags: Sequence[Mapping[str, str]]
    ) -> None:
        """Add or change tags of a role."""
        self._stores.roles.tag(context.account, role_name, shapes.read_tags(tags))

    @iam.operation(resource=Operations.role_arn, conditions=request_conditions)
    def untag_role(self, context: Context, *, role_name: str, tag_keys: Sequence[str]) -> None:
        """Remove tags of a role."""
        self._stores.roles.untag(context.account, role_name, tag_keys)

    @iam.operation(resource=Operations.role_arn)
    def list_role_tags(
        self,
        context: Context,
        *,
        role_name: str,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """Tags of a role, by key."""
        role = self._stores.roles.get(context.account, role_name).entity
        return self._tags(context, role, marker, max_items)

    @iam.operation(resource=Operations.profile_arn, conditions=request_conditions)
    def tag_instance_profile(
        self, context: Context, *, instance_profile_name: str, tags: Sequence[Mapping[str, str]]
    ) -> None:
        """Add or change tags of an instance profile."""
        self._stores.profiles.tag(context.account, instance_profile_name, shapes.read_tags(tags))

    @iam.operation(resource=Operations.profile_arn, conditions=request_conditions)
    def untag_instance_profile(
        self, context: Context, *, instance_profile_name: str, tag_keys: Sequence[str]
    ) -> None:
        """Remove tags of an instance profile."""
        self._stores.profiles.untag(context.account, instance_profile_name, tag_keys)

    @iam.operation(resource=Operations.profile_arn)
    def list_instance_profile_tags(
        self,
        context: Context,
        *,
        instance_profile_name: str,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """Tags of an instance profile, by key."""
        profile = self._stores.profiles.get(context.account, instance_profile_name).entity
        return self._tags(context, profile, marker, max_items)

    @iam.operation(resource=policy_arn, conditions=request_conditions)
    def tag_policy(
        self, context: Context, *, policy_arn: str, tags: Sequence[Mapping[str, str]]
    ) -> None:
        """Add or change tags of a managed policy."""
        self._stores.policies.tag(context.account, policy_arn, shapes.read_tags(tags))

    @iam.operation(resource=policy_arn, conditions=request_conditions)
    def untag_policy(self, context: Context, *, policy_arn: str, tag_keys: Sequence[str]) -> None:
        """Remove tags of a managed policy."""
        self._stores.policies.untag(context.account, policy_arn, tag_keys)

    @iam.operation(resource=policy_arn)
    def list_policy_tags(
        self,
        context: Context,
        *,
        policy_arn: str,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """Tags of a managed policy, by key."""
        policy = self._stores.policies.get(context.account, policy_arn)
        return self._tags(context, policy, marker, max_items)

    def _tags(
        self, context: Context, tagged: Entity | Policy, marker: str | None, max_items: int | None
    ) -> Mapping[str, Any]:
        paging = self._paging(context, f"tags {tagged.id}", marker, max_items)
        found, more = paging.numbered(shapes.tag_list(tagged.tags))
        return {"Tags": found, **more}
