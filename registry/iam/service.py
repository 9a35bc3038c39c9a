"""What all operations of IAM share: the declarations, and what a request is about.

An operation is authorized on the ARN of the entity as it is stored, with its path and in its
own case: a policy about `user/team/ada` cannot be got around by asking for `ADA`. A refusal
names it as the request does.

Source: Service Authorization Reference, "AWS Identity and Access Management (IAM)".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.aws.errors import Fault, RequestError
from registry.aws.service import Declarations
from registry.domain.access import Found
from registry.domain.identities.arns import iam_arn
from registry.domain.identities.entities import GROUPS, PROFILES, ROLES, USERS, Entity, Kind
from registry.domain.identities.identity import Proven
from registry.iam.paging import Paging

if TYPE_CHECKING:
    from registry.aws.context import Context
    from registry.aws.pages import Pages
    from registry.aws.service import Conditions
    from registry.domain.identities.directory import Directory
    from registry.domain.identities.groups import Groups
    from registry.domain.identities.holdings import Holdings
    from registry.domain.identities.policies import Policies
    from registry.domain.identities.roles import Profiles, Roles
    from registry.domain.identities.usage import PolicyUsage
    from registry.domain.identities.users import AccessKeys, Users

iam = Declarations("iam")

GLOBAL_REGION = "us-east-1"
"""Where IAM's one endpoint is; clients sign for it whatever their region."""

Parameters = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stores:
    """The domain under these operations."""

    users: Users
    keys: AccessKeys
    groups: Groups
    roles: Roles
    profiles: Profiles
    policies: Policies
    holdings: Holdings
    usage: PolicyUsage
    directory: Directory

    def find(self, kind: Kind, account: str, name: str) -> Entity | None:
        """The entity of that kind and name, if there is one."""
        if kind is ROLES:
            role = self.roles.find(account, name)
            return None if role is None else role.entity
        if kind is PROFILES:
            profile = self.profiles.find(account, name)
            return None if profile is None else profile.entity
        return (self.users if kind is USERS else self.groups).find(account, name)


class Operations:
    """What a request is about, found in the domain. Each group of operations is one of these."""

    def __init__(self, stores: Stores, pages: Pages) -> None:
        self._stores = stores
        self._pages = pages

    def user_arn(self, context: Context, parameters: Parameters) -> Sequence[str]:
        """ARN of the user that UserName names, the caller's own without one."""
        return (self._arn(USERS, context, user_name(context, parameters.get("user_name"))),)

    def group_arn(self, context: Context, parameters: Parameters) -> Sequence[str]:
        """ARN of the group that GroupName names."""
        return (self._arn(GROUPS, context, parameters["group_name"]),)

    def role_arn(self, context: Context, parameters: Parameters) -> Sequence[str]:
        """ARN of the role that RoleName names."""
        return (self._arn(ROLES, context, parameters["role_name"]),)

    def profile_arn(self, context: Context, parameters: Parameters) -> Sequence[str]:
        """ARN of the instance profile that InstanceProfileName names."""
        return (self._arn(PROFILES, context, parameters["instance_profile_name"]),)

    def user_boundary(self, context: Context, parameters: Parameters) -> Sequence[Conditions]:
        """`iam:PermissionsBoundary`, the one that the user has, and `iam:PolicyARN`."""
        return self._held(USERS, context, parameters["user_name"], parameters)

    def role_boundary(self, context: Context, parameters: Parameters) -> Sequence[Conditions]:
        """`iam:PermissionsBoundary`, the one that the role has, and `iam:PolicyARN`."""
        return self._held(ROLES, context, parameters["role_name"], parameters)

    def _paging(
        self, context: Context, listing: str, marker: str | None, max_items: int | None
    ) -> Paging:
        return Paging(self._pages, context, listing, marker=marker, max_items=max_items)

    def _arn(self, kind: Kind, context: Context, name: str) -> str:
        found = self._stores.find(kind, context.account, name)
        asked = iam_arn(context.account, kind.noun, "/", name)
        return Found(found.arn, asked) if found else asked

    def _held(
        self, kind: Kind, context: Context, name: str, parameters: Parameters
    ) -> Sequence[Conditions]:
        found = self._stores.find(kind, context.account, name)
        boundary = {"permissions_boundary": found.boundary if found else None}
        return request_conditions(context, {**parameters, **boundary})


def user_name(context: Context, given: str | None) -> str:
    """The user that an operation is about: the caller, where none is given."""
    if given is not None:
        return given
    proven = context.caller.identity
    assert isinstance(proven, Proven)  # noqa: S101 - what app.py's lookup attaches
    if ":user/" not in proven.identity.arn:
        message = "Must specify userName when calling with non-User credentials"
        raise RequestError(Fault.INVALID, message)
    return proven.identity.name


def policy_arn(_context: Context, parameters: Parameters) -> Sequence[str]:
    """The policy that PolicyArn names."""
    return (parameters["policy_arn"],)


def new_arn(noun: str, name: str) -> Any:
    """ARN of what is to be created: from the path given and the parameter `name`."""

    def resource(context: Context, parameters: Parameters) -> Sequence[str]:
        path = parameters.get("path") or "/"
        return (iam_arn(context.account, noun, path, parameters[name]),)

    return resource


def all_of(noun: str) -> Any:
    """ARN of a listing of such entities under a path."""

    def resource(context: Context, parameters: Parameters) -> Sequence[str]:
        return (iam_arn(context.account, noun, parameters.get("path_prefix") or "/", ""),)

    return resource


def request_conditions(_context: Context, parameters: Parameters) -> Sequence[Conditions]:
    """What the request itself brings, as condition keys.

    `aws:RequestTag/*`, `aws:TagKeys`, `iam:PermissionsBoundary` and `iam:PolicyARN`.
    """
    tags = {tag["Key"]: tag["Value"] for tag in parameters.get("tags") or ()}
    found: dict[str, str | tuple[str, ...]] = {
        f"aws:requesttag/{key.lower()}": value for key, value in tags.items()
    }
    if keys := (*tags, *(parameters.get("tag_keys") or ())):
        found["aws:tagkeys"] = keys
    if boundary := parameters.get("permissions_boundary"):
        found["iam:permissionsboundary"] = boundary
    if policy := parameters.get("policy_arn"):
        found["iam:policyarn"] = policy
    return (found,)
