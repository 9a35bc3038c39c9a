"""IAM's operations on users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.domain.identities.arns import iam_arn
from registry.domain.identities.entities import USERS
from registry.iam import shapes
from registry.iam.service import (
    Operations,
    all_of,
    iam,
    new_arn,
    request_conditions,
    user_name,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.iam.service import Parameters

named = user_name


class UserOperations(Operations):
    """Create, get, list, update, delete; the permissions boundary."""

    def both_user_arns(self, context: Context, parameters: Parameters) -> Sequence[str]:
        """ARNs that a user has and will have: renaming needs a permission for both."""
        (old,) = self.user_arn(context, parameters)
        head, _, name = old.rpartition("/")
        path = parameters.get("new_path") or head.partition(":user")[2] + "/"
        name = parameters.get("new_user_name") or name
        return (old, iam_arn(context.account, "user", path, name))

    @iam.operation(resource=new_arn("user", "user_name"), conditions=request_conditions)
    def create_user(
        self,
        context: Context,
        *,
        user_name: str,
        path: str = "/",
        permissions_boundary: str | None = None,
        tags: Sequence[Mapping[str, str]] = (),
    ) -> Mapping[str, Any]:
        """Make a user that can do nothing yet."""
        user = self._stores.users.create(
            context.account,
            user_name,
            path=path,
            tags=shapes.read_tags(tags),
            boundary=permissions_boundary,
        )
        return {"User": shapes.user(user, whole=True)}

    @iam.operation(resource=Operations.user_arn)
    def get_user(self, context: Context, *, user_name: str | None = None) -> Mapping[str, Any]:
        """A user; the caller, where none is named."""
        user = self._stores.users.get(context.account, named(context, user_name))
        return {"User": shapes.user(user, whole=True)}

    @iam.operation(resource=all_of("user"))
    def list_users(
        self,
        context: Context,
        *,
        path_prefix: str = "/",
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Mapping[str, Any]:
        """Users by name."""
        paging = self._paging(context, f"users {path_prefix}", marker, max_items)
        found, more = paging.load(
            lambda after, limit: self._stores.users.page(
                context.account, after, limit, path_prefix
            ),
            lambda user: user.name,
        )
        return {"Users": [shapes.user(user) for user in found], **more}

    @iam.operation(resource=both_user_arns)
    def update_user(
        self,
        context: Context,
        *,
        user_name: str,
        new_path: str | None = None,
        new_user_name: str | None = None,
    ) -> None:
        """Give a user another name or path; its unique id, keys and policies stay."""
        self._stores.users.rename(context.account, user_name, new_user_name, new_path)

    @iam.operation(resource=Operations.user_arn)
    def delete_user(self, context: Context, *, user_name: str) -> None:
        """Remove a user that has nothing any more."""
        self._stores.users.delete(context.account, user_name)

    @iam.operation(resource=Operations.user_arn, conditions=request_conditions)
    def put_user_permissions_boundary(
        self, context: Context, *, user_name: str, permissions_boundary: str
    ) -> None:
        """Limit what a user can be allowed."""
        self._stores.holdings.bound(USERS, context.account, user_name, permissions_boundary)

    @iam.operation(resource=Operations.user_arn, conditions=Operations.user_boundary)
    def delete_user_permissions_boundary(self, context: Context, *, user_name: str) -> None:
        """Take the limit away."""
        self._stores.holdings.bound(USERS, context.account, user_name, None)
