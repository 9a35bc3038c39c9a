from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tests.application import Registry, allow
from tests.iam.client import ALLOW, READ_ONLY, TRUST, arn, iam_client, refused


def test_the_life_of_a_user(iam: Any) -> None:
    made = iam.create_user(
        UserName="ada",
        Path="/team/",
        Tags=[{"Key": "cost", "Value": "42"}],
        PermissionsBoundary=READ_ONLY,
    )["User"]
    assert made["Arn"] == arn("user/team/ada")
    assert made["UserId"].startswith("AIDA")
    assert abs(datetime.now(UTC) - made["CreateDate"]) < timedelta(minutes=1)
    assert made["Tags"] == [{"Key": "cost", "Value": "42"}]
    assert made["PermissionsBoundary"] == {
        "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
        "PermissionsBoundaryArn": READ_ONLY,
    }
    assert iam.get_user(UserName="ada")["User"] == made
    (listed,) = iam.list_users(PathPrefix="/team/")["Users"]
    assert listed == {key: made[key] for key in ("Path", "UserName", "UserId", "Arn", "CreateDate")}
    iam.delete_user(UserName="ada")
    with refused("NoSuchEntity", "The user with name ada cannot be found."):
        iam.get_user(UserName="ada")


def test_the_caller_is_meant_where_no_user_is_named(registry: Registry) -> None:
    key = registry.user("ada", allow("iam:GetUser", resource=arn("user/ada")))
    assert iam_client(registry, key).get_user()["User"]["UserName"] == "ada"


def test_a_name_is_taken_in_any_case_and_under_any_path(iam: Any) -> None:
    iam.create_user(UserName="Ada")
    with refused("EntityAlreadyExists", "User with name ADA already exists."):
        iam.create_user(UserName="ADA", Path="/other/")
    assert iam.get_user(UserName="aDA")["User"]["UserName"] == "Ada"


@pytest.mark.parametrize(
    "parameters",
    [
        {"UserName": "a b"},
        {"UserName": ""},
        {"UserName": "a" * 65},
        {"UserName": "ada", "Path": "team"},
        {"UserName": "ada", "Path": "/team"},
        {"UserName": "ada", "Tags": [{"Key": "", "Value": ""}]},
    ],
)
def test_names_and_paths_outside_the_grammar(iam: Any, parameters: dict[str, Any]) -> None:
    with refused("ValidationError", "failed to satisfy constraint"):
        iam.create_user(**parameters)
    assert [user["UserName"] for user in iam.list_users()["Users"]] == ["admin"]


def test_a_boundary_has_to_exist(iam: Any) -> None:
    missing = arn("policy/none")
    with refused("NoSuchEntity", f"Scope ARN: {missing} does not exist"):
        iam.create_user(UserName="ada", PermissionsBoundary=missing)
    iam.create_user(UserName="ada")
    with refused("NoSuchEntity", missing):
        iam.put_user_permissions_boundary(UserName="ada", PermissionsBoundary=missing)
    with refused("NoSuchEntity", "permissions boundary for user ada"):
        iam.delete_user_permissions_boundary(UserName="ada")


def test_a_boundary_is_set_limits_and_is_taken_away(registry: Registry, iam: Any) -> None:
    key = registry.user("ada", allow("ecr:*"))
    mine = iam_client(registry, key, "ecr")
    mine.create_repository(repositoryName="one")
    iam.put_user_permissions_boundary(UserName="ada", PermissionsBoundary=READ_ONLY)
    shown = iam.get_user(UserName="ada")["User"]["PermissionsBoundary"]
    assert shown["PermissionsBoundaryArn"] == READ_ONLY
    with refused("AccessDeniedException", "no permissions boundary allows"):
        mine.create_repository(repositoryName="two")
    iam.delete_user_permissions_boundary(UserName="ada")
    assert "PermissionsBoundary" not in iam.get_user(UserName="ada")["User"]
    mine.create_repository(repositoryName="two")


def test_a_user_with_another_name_stays_the_same_user(registry: Registry, iam: Any) -> None:
    key = registry.user("ada", allow("iam:GetUser"))
    before = iam.get_user(UserName="ada")["User"]
    iam.update_user(UserName="ada", NewUserName="Lovelace", NewPath="/countess/")
    after = iam_client(registry, key).get_user()["User"]
    assert after["UserId"] == before["UserId"]
    assert after["Arn"] == arn("user/countess/Lovelace")
    iam.update_user(UserName="lovelace", NewUserName="LOVELACE")
    assert iam.get_user(UserName="Lovelace")["User"]["Arn"] == arn("user/countess/LOVELACE")
    with refused("EntityAlreadyExists", "User with name Admin already exists."):
        iam.update_user(UserName="LOVELACE", NewUserName="Admin")
    with refused("NoSuchEntity", "ada"):
        iam.update_user(UserName="ada", NewPath="/")


def test_a_user_is_deleted_when_nothing_is_left_of_it(registry: Registry, iam: Any) -> None:
    iam.create_user(UserName="ada")
    key = iam.create_access_key(UserName="ada")["AccessKey"]["AccessKeyId"]
    iam.put_user_policy(UserName="ada", PolicyName="p", PolicyDocument=ALLOW)
    iam.attach_user_policy(UserName="ada", PolicyArn=READ_ONLY)
    iam.create_group(GroupName="team")
    iam.add_user_to_group(GroupName="team", UserName="ada")
    steps = {
        "delete access keys": partial(iam.delete_access_key, UserName="ada", AccessKeyId=key),
        "detach all policies": partial(iam.detach_user_policy, UserName="ada", PolicyArn=READ_ONLY),
        "delete policies": partial(iam.delete_user_policy, UserName="ada", PolicyName="p"),
        "remove user from groups": partial(
            iam.remove_user_from_group, GroupName="team", UserName="ada"
        ),
    }
    for words, step in steps.items():
        with refused("DeleteConflict", f"Cannot delete entity, must {words} first."):
            iam.delete_user(UserName="ada")
        step()
    iam.delete_user(UserName="ada")
    rows = registry.rows()
    assert [row[3] for row in rows["users"]] == ["admin"]
    assert len(rows["attachments"]) == 1
    assert not rows["inline_policies"]
    assert not rows["group_members"]


def test_a_user_made_again_is_not_the_one_before(registry: Registry, iam: Any) -> None:
    first = iam.create_user(UserName="ada")["User"]["UserId"]
    iam.delete_user(UserName="ada")
    assert iam.create_user(UserName="ada")["User"]["UserId"] != first


def test_a_session_of_a_role_has_no_user_of_its_own(registry: Registry, iam: Any) -> None:
    made = iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)["Role"]
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=allow("iam:*"))
    role = registry.ground.directory.role_of_arn(made["Arn"])
    assert role is not None
    key = registry.ground.sessions.of_role(role, "s", timedelta(hours=1))
    client = iam_client(registry, key)
    with refused("ValidationError", "Must specify userName when calling with non-User"):
        client.get_user()
    assert client.get_user(UserName="admin")["User"]["UserName"] == "admin"
