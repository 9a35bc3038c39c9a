from __future__ import annotations

from typing import Any

from tests.application import Registry, allow
from tests.iam.client import ALLOW, READ_ONLY, arn, iam_client, refused


def test_the_life_of_a_group(iam: Any) -> None:
    made = iam.create_group(GroupName="team", Path="/a/")["Group"]
    assert made["Arn"] == arn("group/a/team")
    assert made["GroupId"].startswith("AGPA")
    assert iam.list_groups(PathPrefix="/a/")["Groups"] == [made]
    assert iam.list_groups(PathPrefix="/b/")["Groups"] == []
    iam.update_group(GroupName="team", NewGroupName="crew", NewPath="/b/")
    shown = iam.get_group(GroupName="crew")
    assert shown["Group"]["GroupId"] == made["GroupId"]
    assert shown["Group"]["Arn"] == arn("group/b/crew")
    assert shown["Users"] == []
    iam.delete_group(GroupName="crew")
    with refused("NoSuchEntity", "The group with name crew cannot be found."):
        iam.get_group(GroupName="crew")


def test_members(iam: Any) -> None:
    for name in ("one", "two"):
        iam.create_group(GroupName=name)
    for name in ("bob", "ada"):
        iam.create_user(UserName=name)
        iam.add_user_to_group(GroupName="one", UserName=name)
    iam.add_user_to_group(GroupName="two", UserName="ada")
    iam.add_user_to_group(GroupName="two", UserName="ada")
    members = iam.get_group(GroupName="one")["Users"]
    assert [user["UserName"] for user in members] == ["ada", "bob"]
    groups = iam.list_groups_for_user(UserName="ada")["Groups"]
    assert [group["GroupName"] for group in groups] == ["one", "two"]
    iam.remove_user_from_group(GroupName="one", UserName="ada")
    groups = iam.list_groups_for_user(UserName="ada")["Groups"]
    assert [group["GroupName"] for group in groups] == ["two"]
    with refused("NoSuchEntity", "User ada is not in group one."):
        iam.remove_user_from_group(GroupName="one", UserName="ada")


def test_names_that_are_not_there(iam: Any) -> None:
    iam.create_group(GroupName="team")
    with refused("EntityAlreadyExists", "Group with name TEAM already exists."):
        iam.create_group(GroupName="TEAM")
    for call in (iam.add_user_to_group, iam.remove_user_from_group):
        with refused("NoSuchEntity", "The user with name ada cannot be found."):
            call(GroupName="team", UserName="ada")
        with refused("NoSuchEntity", "The group with name none cannot be found."):
            call(GroupName="none", UserName="admin")
    with refused("NoSuchEntity", "The user with name ada cannot be found."):
        iam.list_groups_for_user(UserName="ada")
    with refused("NoSuchEntity", "none"):
        iam.update_group(GroupName="none", NewGroupName="x")
    iam.create_group(GroupName="crew")
    with refused("EntityAlreadyExists", "crew"):
        iam.update_group(GroupName="team", NewGroupName="crew")


def test_a_group_is_deleted_when_nothing_is_left_of_it(iam: Any) -> None:
    iam.create_group(GroupName="team")
    iam.create_user(UserName="ada")
    iam.add_user_to_group(GroupName="team", UserName="ada")
    iam.put_group_policy(GroupName="team", PolicyName="p", PolicyDocument=ALLOW)
    iam.attach_group_policy(GroupName="team", PolicyArn=READ_ONLY)
    with refused("DeleteConflict", "must remove users from group first"):
        iam.delete_group(GroupName="team")
    iam.remove_user_from_group(GroupName="team", UserName="ada")
    with refused("DeleteConflict", "must detach all policies first"):
        iam.delete_group(GroupName="team")
    iam.detach_group_policy(GroupName="team", PolicyArn=READ_ONLY)
    with refused("DeleteConflict", "must delete policies first"):
        iam.delete_group(GroupName="team")
    iam.delete_group_policy(GroupName="team", PolicyName="p")
    iam.delete_group(GroupName="team")
    with refused("NoSuchEntity"):
        iam.delete_group(GroupName="team")


def test_a_user_is_in_ten_groups_at_most(iam: Any) -> None:
    for number in range(11):
        iam.create_group(GroupName=f"g{number}")
    for number in range(10):
        iam.add_user_to_group(GroupName=f"g{number}", UserName="admin")
    with refused("LimitExceeded", "Cannot exceed quota for GroupsPerUser: 10"):
        iam.add_user_to_group(GroupName="g10", UserName="admin")


def test_what_a_group_allows_its_users_may_at_once(registry: Registry, iam: Any) -> None:
    mine = iam_client(registry, registry.user("ada"))
    iam.create_group(GroupName="readers")
    iam.put_group_policy(GroupName="readers", PolicyName="p", PolicyDocument=allow("iam:ListUsers"))
    with refused("AccessDenied", "iam:ListUsers on resource: " + arn("user/")):
        mine.list_users()
    iam.add_user_to_group(GroupName="readers", UserName="ada")
    assert mine.list_users()["Users"]
    iam.remove_user_from_group(GroupName="readers", UserName="ada")
    with refused("AccessDenied"):
        mine.list_users()
