"""Every listing in pages: nothing twice, nothing left out, no marker of anybody else."""

from __future__ import annotations

from collections.abc import Callable
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

LISTINGS: list[tuple[str, str, Callable[[Any], None], dict[str, Any]]] = [
    ("list_users", "Users", users, {}),
    ("list_groups", "Groups", groups, {}),
    ("list_groups_for_user", "Groups", memberships, {"UserName": "admin"}),
    ("get_group", "Users", members, {"GroupName": "team"}),
    ("list_roles", "Roles", roles, {}),
    ("list_instance_profiles", "InstanceProfiles", profiles, {}),
    (
        "list_instance_profiles_for_role", "InstanceProfiles", profiles_of_role,
        {"RoleName": "task"},
    ),
    ("list_policies", "Policies", policies, {}),
    ("list_attached_user_policies", "AttachedPolicies", attachments, {"UserName": "admin"}),
    ("list_policy_versions", "Versions", versions, {"PolicyArn": arn("policy/p")}),
    ("list_entities_for_policy", "PolicyUsers", uses, {"PolicyArn": arn("policy/p")}),
    ("list_entities_for_policy", "PolicyRoles", uses, {"PolicyArn": arn("policy/p")}),
    ("list_user_policies", "PolicyNames", inline, {"UserName": "admin"}),
    ("list_access_keys", "AccessKeyMetadata", keys, {}),
    ("list_user_tags", "Tags", tags, {"UserName": "admin"}),
    (
        "simulate_custom_policy", "EvaluationResults", nothing,
        {"PolicyInputList": [ALLOW], **ACTIONS},
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "member", "make", "parameters"),
    LISTINGS,
    ids=[f"{each[0]}-{each[1]}" for each in LISTINGS],
)
@pytest.mark.parametrize("size", [1, 4])
def test_pages_together_are_the_whole(
    iam: Any,
    operation: str,
    member: str,
    make: Callable[[Any], None],
    parameters: dict[str, Any],
    size: int,
) -> None:
    make(iam)
    function = getattr(iam, operation)
    whole = function(**parameters)
    assert whole["IsTruncated"] is False
    assert len(whole[member]) >= 2
    gathered: list[Any] = []
    marker: dict[str, str] = {}
    for _ in range(100):
        page = function(**parameters, **marker, MaxItems=size)
        gathered += page[member]
        if not page["IsTruncated"]:
            break
        assert len(page["Marker"]) <= 320
        marker = {"Marker": page["Marker"]}
    assert gathered == whole[member]
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
        lambda: iam.list_users(Marker="nonsense"),
        lambda: iam.list_users(Marker=marker, PathPrefix="/x/"),
        lambda: iam.list_groups(Marker=marker),
        lambda: stranger.list_users(Marker=marker),
        lambda: colleague.list_users(Marker=marker),
    ):
        with refused("ValidationError", "Invalid Marker"):
            call()
    with refused("ValidationError", "maxItems"):
        iam.list_users(MaxItems=0)
    with refused("ValidationError", "maxItems"):
        iam.list_users(MaxItems=1001)
