"""IAM's operations on groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.domain.identities.arns import iam_arn
from registry.iam import shapes
from registry.iam.service import Operations, all_of, iam, new_arn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.iam.service import Parameters


class GroupOperations(Operations):
    """Create, get, list, update, delete; who is in."""

    def both_group_arns(self, context: Context, parameters: Parameters) -> Sequence[str]:
        """ARNs that a group has and will have: renaming needs a permission for both."""
        (old,) = self.group_arn(context, parameters)
        head, _, name = old.rpartition("/")
        path = parameters.get("new_path") or head.partition(":group")[2] + "/"
        name = parameters.get("new_group_name") or name
        return (old, iam_arn(context.account, "group", path, name))

    @iam.operation(resource=new_arn("group", "group_name"))
    def create_group(
        self, context: Context, *, group_name: str, path: str = "/"
    ) -> Mapping[str, Any]:
        """Make an empty group."""
        return {
            "Group": shapes.group(
                self._stores.groups.create(context.account, group_name, path=path)
            )
        }

    @iam.operation(resource=Operations.group_arn)
    def get_group(
        self,
        context: Context,
        *,
        group_name: str,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """A group and its users."""
        groups = self._stores.groups
        group = groups.get(context.account, group_name)
        paging = self._paging(context, f"members {group.id}", marker, max_items)
        found, more = paging.load(
            lambda after, limit: groups.members(context.account, group_name, after, limit),
            lambda user: user.name,
        )
        return {
            "Group": shapes.group(group),
            "Users": [shapes.user(user) for user in found],
            **more,
        }

    @iam.operation(resource=all_of("group"))
    def list_groups(
        self,
        context: Context,
        *,
        path_prefix: str = "/",
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """Groups by name."""
        paging = self._paging(context, f"groups {path_prefix}", marker, max_items)
        found, more = paging.load(
            lambda after, limit: self._stores.groups.page(
                context.account, after, limit, path_prefix
            ),
            lambda group: group.name,
        )
        return {"Groups": [shapes.group(group) for group in found], **more}

    @iam.operation(resource=Operations.user_arn)
    def list_groups_for_user(
        self,
        context: Context,
        *,
        user_name: str,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """Groups that a user is in, by name."""
        paging = self._paging(context, f"groups of {user_name}", marker, max_items)
        found, more = paging.load(
            lambda after, limit: self._stores.groups.of_user(
                context.account, user_name, after, limit
            ),
            lambda group: group.name,
        )
        return {"Groups": [shapes.group(group) for group in found], **more}

    @iam.operation(resource=both_group_arns)
    def update_group(
        self,
        context: Context,
        *,
        group_name: str,
        new_path: str | None = None,
        new_group_name: str | None = None,
    ) -> None:
        """Give a group another name or path; its users and policies stay."""
        self._stores.groups.rename(context.account, group_name, new_group_name, new_path)

    @iam.operation(resource=Operations.group_arn)
    def delete_group(self, context: Context, *, group_name: str) -> None:
        """Remove a group without users and policies."""
        self._stores.groups.delete(context.account, group_name)

    @iam.operation(resource=Operations.group_arn)
    def add_user_to_group(self, context: Context, *, group_name: str, user_name: str) -> None:
        """Put a user in."""
        self._stores.groups.add(context.account, group_name, user_name)

    @iam.operation(resource=Operations.group_arn)
    def remove_user_from_group(self, context: Context, *, group_name: str, user_name: str) -> None:
        """Take a user out."""
        self._stores.groups.remove(context.account, group_name, user_name)
