"""IAM's operations on instance profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.iam import shapes
from registry.iam.service import Operations, all_of, iam, new_arn, request_conditions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context


class ProfileOperations(Operations):
    """Create, get, list, delete; the role."""

    @iam.operation(
        resource=new_arn("instance-profile", "instance_profile_name"),
        conditions=request_conditions,
    )
    def create_instance_profile(
        self,
        context: Context,
        *,
        instance_profile_name: str,
        path: str = "/",
        tags: Sequence[Mapping[str, str]] = (),
    ) -> Mapping[str, Any]:
        """Make a profile without a role."""
        profile = self._stores.profiles.create(
            context.account, instance_profile_name, path=path, tags=shapes.read_tags(tags)
        )
        return {"InstanceProfile": shapes.profile(profile, whole=True)}

    @iam.operation(resource=Operations.profile_arn)
    def get_instance_profile(
        self, context: Context, *, instance_profile_name: str
    ) -> Mapping[str, Any]:
        """A profile with its role."""
        profile = self._stores.profiles.get(context.account, instance_profile_name)
        return {"InstanceProfile": shapes.profile(profile, whole=True)}

    @iam.operation(resource=all_of("instance-profile"))
    def list_instance_profiles(
        self,
        context: Context,
        *,
        path_prefix: str = "/",
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """Profiles by name."""
        paging = self._paging(context, f"profiles {path_prefix}", marker, max_items)
        found, more = paging.load(
            lambda after, limit: self._stores.profiles.page(
                context.account, after, limit, path_prefix
            ),
            lambda profile: profile.entity.name,
        )
        return {"InstanceProfiles": [shapes.profile(profile) for profile in found], **more}

    @iam.operation(resource=Operations.role_arn)
    def list_instance_profiles_for_role(
        self,
        context: Context,
        *,
        role_name: str,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """Profiles that a role is in, by name."""
        paging = self._paging(context, f"profiles of {role_name}", marker, max_items)
        found, more = paging.load(
            lambda after, limit: self._stores.profiles.of_role(
                context.account, role_name, after, limit
            ),
            lambda profile: profile.entity.name,
        )
        return {"InstanceProfiles": [shapes.profile(profile) for profile in found], **more}

    @iam.operation(resource=Operations.profile_arn)
    def delete_instance_profile(self, context: Context, *, instance_profile_name: str) -> None:
        """Remove a profile without a role."""
        self._stores.profiles.delete(context.account, instance_profile_name)

    @iam.operation(
        resource=Operations.profile_arn, passes=Operations.role_arn, passed_to="ec2.amazonaws.com"
    )
    def add_role_to_instance_profile(
        self, context: Context, *, instance_profile_name: str, role_name: str
    ) -> None:
        """Give the profile its one role."""
        self._stores.profiles.add(context.account, instance_profile_name, role_name)

    @iam.operation(resource=Operations.profile_arn)
    def remove_role_from_instance_profile(
        self, context: Context, *, instance_profile_name: str, role_name: str
    ) -> None:
        """Take the role away."""
        self._stores.profiles.remove(context.account, instance_profile_name, role_name)
