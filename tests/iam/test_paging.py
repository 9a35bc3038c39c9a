"""Every listing in pages: nothing twice, nothing left out, no marker of anybody else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from tests.application import Registry, allow
from tests.iam.client import ALLOW, OTHER, TRUST, admin_of, arn, iam_client, refused

NAMES = ["Ann", "bob", "Cy", "dan", "Eve"]


def users(iam: Any) -> None:
    for name in NAMES:
        iam.create_user(UserName=name)


def groups(iam: Any) -> None:
    for name in NAMES:
        iam.create_group(GroupName=name)


def memberships(iam: Any) -> None:
    groups(iam)
    for name in NAMES:
        iam.add_user_to_group(GroupName=name, UserName="admin")


def members(iam: Any) -> None:
    users(iam)
    iam.create_group(GroupName="team")
    for name in NAMES:
        iam.add_user_to_group(GroupName="team", UserName=name)


def roles(iam: Any) -> None:
    for name in NAMES:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)


def profiles(iam: Any) -> None:
    for name in NAMES:
        iam.create_instance_profile(InstanceProfileName=name)


def profiles_of_role(iam: Any) -> None:
    profiles(iam)
    iam.create_role(RoleName="task", AssumeRolePolicyDocument=TRUST)
    for name in NAMES:
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName="task")


def policies(iam: Any) -> None:
    for name in [*NAMES, "AdministratorAccess"]:
        iam.create_policy(PolicyName=name, PolicyDocument=ALLOW)


def attachments(iam: Any) -> None:
    policies(iam)
    for name in [*NAMES, "AdministratorAccess"]:
        iam.attach_user_policy(UserName="admin", PolicyArn=arn(f"policy/{name}"))


def versions(iam: Any) -> None:
    iam.create_policy(PolicyName="p", PolicyDocument=ALLOW)
    for _ in range(4):
        iam.create_policy_version(PolicyArn=arn("policy/p"), PolicyDocument=ALLOW)
    iam.delete_policy_version(PolicyArn=arn("policy/p"), VersionId="v2")


def uses(iam: Any) -> None:
    iam.create_policy(PolicyName="p", PolicyDocument=ALLOW)
    for name in NAMES:
        iam.create_user(UserName=name, PermissionsBoundary=arn("policy/p"))
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
        iam.attach_role_policy(RoleName=name, PolicyArn=arn("policy/p"))


def inline(iam: Any) -> None:
    for name in NAMES:
        iam.put_user_policy(UserName="admin", PolicyName=name, PolicyDocument=ALLOW)


def keys(iam: Any) -> None:
    iam.create_access_key(UserName="admin")


def tags(iam: Any) -> None:
    iam.tag_user(UserName="admin", Tags=[{"Key": f"{'é' * 120}{n}", "Value": ""} for n in range(5)])


def nothing(_iam: Any) -> None:
    pass


ACTIONS = {"ActionNames": ["ecr:A", "ecr:B", "ecr:C"], "ResourceArns": ["*", arn("user/x")]}


@dataclass(frozen=True)
class Listing:
    operation: str
    member: str
    make: Callable[[Any], None]
    parameters: Mapping[str, Any] = field(default_factory=dict)


_ADMIN, _POLICY = {"UserName": "admin"}, {"PolicyArn": arn("policy/p")}
LISTINGS = [
    Listing("list_users", "Users", users),
    Listing("list_groups", "Groups", groups),
    Listing("list_groups_for_user", "Groups", memberships, _ADMIN),
    Listing("get_group", "Users", members, {"GroupName": "team"}),
    Listing("list_roles", "Roles", roles),
    Listing("list_instance_profiles", "InstanceProfiles", profiles),
    Listing(
        "list_instance_profiles_for_role",
        "InstanceProfiles",
        profiles_of_role,
        {"RoleName": "task"},
    ),
    Listing("list_policies", "Policies", policies),
    Listing("list_attached_user_policies", "AttachedPolicies", attachments, _ADMIN),
    Listing("list_policy_versions", "Versions", versions, _POLICY),
    Listing("list_entities_for_policy", "PolicyUsers", uses, _POLICY),
    Listing("list_entities_for_policy", "PolicyRoles", uses, _POLICY),
    Listing("list_user_policies", "PolicyNames", inline, _ADMIN),
    Listing("list_access_keys", "AccessKeyMetadata", keys),
    Listing("list_user_tags", "Tags", tags, _ADMIN),
    Listing(
        "simulate_custom_policy",
        "EvaluationResults",
        nothing,
        {"PolicyInputList": [ALLOW], **ACTIONS},
    ),
]


@pytest.mark.parametrize("listing", LISTINGS, ids=lambda each: f"{each.operation}-{each.member}")
@pytest.mark.parametrize("size", [1, 4])
def test_pages_together_are_the_whole(iam: Any, listing: Listing, size: int) -> None:
    listing.make(iam)
    function = partial(getattr(iam, listing.operation), **listing.parameters)
    whole = function()
    assert whole["IsTruncated"] is False
    assert len(whole[listing.member]) >= 2
    gathered: list[Any] = []
    marker: dict[str, str] = {}
    for _ in range(100):
        page = function(**marker, MaxItems=size)
        gathered += page[listing.member]
        if not page["IsTruncated"]:
            break
        assert len(page["Marker"]) <= 320
        marker = {"Marker": page["Marker"]}
    assert gathered == whole[listing.member]
    assert "Marker" not in page


def test_names_are_listed_in_order_whatever_their_case(iam: Any) -> None:
    users(iam)
    assert [user["UserName"] for user in iam.list_users()["Users"]] == [
        "admin", "Ann", "bob", "Cy", "dan", "Eve",
    ]  # fmt: skip


def test_what_comes_and_goes_between_two_pages(iam: Any) -> None:
    users(iam)
    page = iam.list_users(MaxItems=3)
    assert [user["UserName"] for user in page["Users"]] == ["admin", "Ann", "bob"]
    iam.delete_user(UserName="bob")
    iam.create_user(UserName="aaa")
    rest = iam.list_users(Marker=page["Marker"])
    assert [user["UserName"] for user in rest["Users"]] == ["Cy", "dan", "Eve"]


def test_a_marker_is_good_for_its_listing_and_caller_only(registry: Registry, iam: Any) -> None:
    users(iam)
    groups(iam)
    marker = iam.list_users(MaxItems=1)["Marker"]
    stranger = admin_of(registry, OTHER)
    colleague = iam_client(registry, registry.user("colleague", allow("*")))
    for call in (
        partial(iam.list_users, Marker="nonsense"),
        partial(iam.list_users, Marker=marker, PathPrefix="/x/"),
        partial(iam.list_groups, Marker=marker),
        partial(stranger.list_users, Marker=marker),
        partial(colleague.list_users, Marker=marker),
    ):
        with refused("ValidationError", "Invalid Marker"):
            call()
    with refused("ValidationError", "maxItems"):
        iam.list_users(MaxItems=0)
    with refused("ValidationError", "maxItems"):
        iam.list_users(MaxItems=1001)
