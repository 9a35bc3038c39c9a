from __future__ import annotations

import json
from typing import Any

import pytest

from tests.iam.client import ALLOW, READ_ONLY, TRUST, arn, refused


def role(iam: Any, name: str = "task", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, **more)[
        "Role"
    ]
    return made


def trusting(**changed: Any) -> str:
    statement: dict[str, Any] = {"Effect": "Allow", "Principal": {"AWS": "123456789012"}}
    statement |= {"Action": "sts:AssumeRole"} | changed
    kept = {key: value for key, value in statement.items() if value is not None}
    return json.dumps({"Version": "2012-10-17", "Statement": [kept]})


def test_the_life_of_a_role(iam: Any) -> None:
    made = role(
        iam,
        Path="/service/",
        Description="runs tasks",
        MaxSessionDuration=7200,
        PermissionsBoundary=READ_ONLY,
        Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "1"}],
    )
    assert made["Arn"] == arn("role/service/task")
    assert made["RoleId"].startswith("AROA")
    assert made["AssumeRolePolicyDocument"] == json.loads(TRUST)
    assert made["Description"] == "runs tasks"
    assert made["MaxSessionDuration"] == 7200
    assert made["PermissionsBoundary"]["PermissionsBoundaryArn"] == READ_ONLY
    assert made["Tags"] == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    assert iam.get_role(RoleName="TASK")["Role"] == made
    (listed,) = iam.list_roles(PathPrefix="/service/")["Roles"]
    assert listed == {
        key: value for key, value in made.items() if key not in {"Tags", "PermissionsBoundary"}
    }
    iam.delete_role(RoleName="task")
    with refused("NoSuchEntity", "The role with name task cannot be found."):
        iam.get_role(RoleName="task")


def test_a_role_is_changed(iam: Any) -> None:
    assert role(iam)["MaxSessionDuration"] == 3600
    iam.update_role(RoleName="task", Description="new", MaxSessionDuration=43200)
    iam.update_role(RoleName="task")
    shown = iam.get_role(RoleName="task")["Role"]
    assert (shown["Description"], shown["MaxSessionDuration"]) == ("new", 43200)
    again = iam.update_role_description(RoleName="task", Description="newer")["Role"]
    assert again["Description"] == "newer"
    iam.update_role(RoleName="task", Description="")
    assert "Description" not in iam.get_role(RoleName="task")["Role"]
    iam.update_assume_role_policy(RoleName="task", PolicyDocument=trusting())
    shown = iam.get_role(RoleName="task")["Role"]
    assert shown["AssumeRolePolicyDocument"] == json.loads(trusting())
    iam.put_role_permissions_boundary(RoleName="task", PermissionsBoundary=READ_ONLY)
    assert "PermissionsBoundary" in iam.get_role(RoleName="task")["Role"]
    iam.delete_role_permissions_boundary(RoleName="task")
    assert "PermissionsBoundary" not in iam.get_role(RoleName="task")["Role"]
    with refused("NoSuchEntity", "permissions boundary for role task"):
        iam.delete_role_permissions_boundary(RoleName="task")


def test_names_that_are_taken_or_not_there(iam: Any) -> None:
    role(iam)
    with refused("EntityAlreadyExists", "Role with name Task already exists."):
        role(iam, "Task")
    for call, more in (
        (iam.update_role, {}),
        (iam.delete_role, {}),
        (iam.update_role_description, {"Description": "x"}),
        (iam.update_assume_role_policy, {"PolicyDocument": TRUST}),
        (iam.put_role_permissions_boundary, {"PermissionsBoundary": READ_ONLY}),
        (iam.list_instance_profiles_for_role, {}),
    ):
        with refused("NoSuchEntity", "The role with name none cannot be found."):
            call(RoleName="none", **more)


@pytest.mark.parametrize("seconds", [3599, 43201])
def test_a_session_lasts_one_to_twelve_hours(iam: Any, seconds: int) -> None:
    with refused("ValidationError", "maxSessionDuration"):
        role(iam, MaxSessionDuration=seconds)
    role(iam)
    with refused("ValidationError", "maxSessionDuration"):
        iam.update_role(RoleName="task", MaxSessionDuration=seconds)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "line 1"),
        (ALLOW, "Principal is missing"),
        (trusting(Principal=None), "Principal is missing"),
        (trusting(Resource="*"), "Resource cannot be in a role trust policy"),
        (trusting(Action="ecr:PutImage"), "may only specify STS"),
        (trusting(Action="*"), "may only specify STS"),
        (trusting(Action=["sts:AssumeRole", "iam:PassRole"]), "may only specify STS"),
        (trusting(Action=None, NotAction="sts:TagSession"), "may only specify STS"),
    ],
)
def test_a_trust_policy_that_is_none(iam: Any, document: str, words: str) -> None:
    with refused("MalformedPolicyDocument", words):
        iam.create_role(RoleName="bad", AssumeRolePolicyDocument=document)
    assert iam.list_roles()["Roles"] == []
    role(iam)
    with refused("MalformedPolicyDocument", words):
        iam.update_assume_role_policy(RoleName="task", PolicyDocument=document)
    assert iam.get_role(RoleName="task")["Role"]["AssumeRolePolicyDocument"] == json.loads(TRUST)


def test_a_trust_policy_that_is_too_long(iam: Any) -> None:
    long = trusting(Condition={"StringEquals": {"sts:ExternalId": "x" * 4096}})
    with refused("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 4096"):
        iam.create_role(RoleName="bad", AssumeRolePolicyDocument=long)


def test_white_space_of_a_trust_policy_does_not_count(iam: Any) -> None:
    spaced = json.dumps(json.loads(TRUST), indent=2).replace("\n", "\n" + " " * 500)
    iam.create_role(RoleName="wide", AssumeRolePolicyDocument=spaced)
    shown = iam.get_role(RoleName="wide")["Role"]["AssumeRolePolicyDocument"]
    assert shown == json.loads(TRUST)


def test_a_role_is_deleted_when_nothing_is_left_of_it(iam: Any) -> None:
    role(iam)
    iam.create_instance_profile(InstanceProfileName="host")
    iam.add_role_to_instance_profile(InstanceProfileName="host", RoleName="task")
    iam.put_role_policy(RoleName="task", PolicyName="p", PolicyDocument=ALLOW)
    iam.attach_role_policy(RoleName="task", PolicyArn=READ_ONLY)
    with refused("DeleteConflict", "must remove roles from instance profile first"):
        iam.delete_role(RoleName="task")
    iam.remove_role_from_instance_profile(InstanceProfileName="host", RoleName="task")
    with refused("DeleteConflict", "must detach all policies first"):
        iam.delete_role(RoleName="task")
    iam.detach_role_policy(RoleName="task", PolicyArn=READ_ONLY)
    with refused("DeleteConflict", "must delete policies first"):
        iam.delete_role(RoleName="task")
    iam.delete_role_policy(RoleName="task", PolicyName="p")
    iam.delete_role(RoleName="task")
