"""Every operation: refused without a permission, on the right ARN; nothing across accounts."""

from __future__ import annotations

import json
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

from registry.iam.service import iam as declared
from tests.application import Registry, allow
from tests.iam.client import (
    ALLOW,
    OTHER,
    READ_ONLY,
    TRUST,
    admin_of,
    arn,
    iam_client,
    refused,
)
from tests.iam.examples import EXAMPLES, GROUP, PROFILE, ROLE, USER, parameters_of, prepare

AS_ASKED = {
    USER: arn("user/ada"),
    GROUP: arn("group/team"),
    ROLE: arn("role/task"),
    PROFILE: arn("instance-profile/host"),
}
"""What a refusal calls the entities of the examples: by their names, as the request did."""


def call(client: Any, operation: str, key_id: str) -> Any:
    return getattr(client, xform_name(operation))(**parameters_of(operation, key_id))


def code(client: Any, operation: str, key_id: str) -> str | None:
    """The error that an example ends with."""
    try:
        call(client, operation, key_id)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None


def said(client: Any, operation: str, key_id: str) -> str:
    """All that an example's caller gets to read."""
    try:
        return str(call(client, operation, key_id))
    except ClientError as error:
        return str(error)


def test_there_is_an_example_of_every_operation(registry: Registry) -> None:
    assert {each.model.name for each in declared._declared.values()} == set(EXAMPLES)


def test_what_the_model_has_and_this_server_does_not_is_known() -> None:
    assert declared.lacking == {
        "simulate_custom_policy": {"OrderedOrganizationPolicyInputList", "ResourceHandlingOption"},
        "simulate_principal_policy": {"PolicyExclusionList", "ResourceHandlingOption"},
    }


def test_nothing_is_done_without_a_permission(registry: Registry, iam: Any) -> None:
    key_id = prepare(iam)
    nobody = iam_client(registry, registry.user("nobody"))
    before = registry.rows()
    by_arn, by_key = "SimulatePrincipalPolicy", "GetAccessKeyLastUsed"
    for operation, (_, resources) in EXAMPLES.items():
        named = resources[0] if operation == by_arn else AS_ASKED.get(resources[0], resources[0])
        asked = arn("user/*") if operation == by_key else named
        words = f"is not authorized to perform: iam:{operation} on resource: {asked} because"
        with refused("AccessDenied", words):
            call(nobody, operation, key_id)
    assert registry.rows() == before


def test_a_refusal_does_not_tell_what_there_is(registry: Registry, iam: Any) -> None:
    nobody = iam_client(registry, registry.user("nobody"))
    missing = {name: said(nobody, name, "AKIAIOSFODNN7EXAMPLE") for name in EXAMPLES}
    key_id = prepare(iam)
    there = {name: said(nobody, name, key_id) for name in EXAMPLES}
    assert there == missing
    assert all("AccessDenied" in answer for answer in there.values())


def test_each_operation_needs_its_own_action_on_its_own_resources_only(
    registry: Registry, iam: Any
) -> None:
    key_id = prepare(iam)
    somebody = iam_client(registry, registry.user("somebody"))
    for operation in sorted(EXAMPLES, key=destruction):
        resources = EXAMPLES[operation][1]
        statements: list[dict[str, Any]] = [
            {"Effect": "Allow", "Action": f"iam:{operation}", "Resource": each}
            for each in resources
        ]
        if operation == "AddRoleToInstanceProfile":
            allowed = {"Effect": "Allow", "Action": "iam:PassRole", "Resource": ROLE}
            to = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
            statements.append(allowed | {"Condition": to})
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName="somebody", PolicyName="p", PolicyDocument=document)
        # What an earlier example did can be in the way; a permission is not.
        assert code(somebody, operation, key_id) in {
            None, "NoSuchEntity", "DeleteConflict", "LimitExceeded", "EntityAlreadyExists",
        }, operation  # fmt: skip


def destruction(operation: str) -> tuple[int, str]:
    """Deletions late, renamings last."""
    renaming = operation in {"UpdateUser", "UpdateGroup"}
    return renaming * 2 or operation.startswith("Delete"), operation


def test_nothing_of_another_account_is_seen_or_changed(registry: Registry, iam: Any) -> None:
    key_id = prepare(iam)
    stranger = admin_of(registry, OTHER)
    secret = {
        iam.get_user(UserName="ada")["User"]["UserId"],
        iam.get_group(GroupName="team")["Group"]["GroupId"],
        iam.get_role(RoleName="task")["Role"]["RoleId"],
        iam.get_instance_profile(InstanceProfileName="host")["InstanceProfile"][
            "InstanceProfileId"
        ],
        iam.get_policy(PolicyArn=arn("policy/x/push"))["Policy"]["PolicyId"],
        key_id,
    }
    before = mine(registry)
    for operation in EXAMPLES:
        answer = said(stranger, operation, key_id)
        if key_id in str(parameters_of(operation, key_id)):
            answer = answer.replace(key_id, "what was asked")
        assert not [each for each in secret if each in answer], operation
        assert answer.startswith("{") or "NoSuchEntity" in answer or "AccessDenied" in answer
    assert mine(registry) == before


def mine(registry: Registry) -> dict[str, list[Any]]:
    """Rows that do not belong to the other account."""
    rows = registry.rows()
    ids = {row[0] for table in rows.values() for row in table if OTHER in row}
    return {
        name: [row for row in table if OTHER not in row and row[0] not in ids]
        for name, table in rows.items()
    }


def test_a_policy_of_another_account_is_not_attached(registry: Registry, iam: Any) -> None:
    stranger = admin_of(registry, OTHER)
    theirs = stranger.create_policy(PolicyName="push", PolicyDocument=ALLOW)["Policy"]["Arn"]
    with refused("NoSuchEntity", "does not exist or is not attachable"):
        iam.attach_user_policy(UserName="admin", PolicyArn=theirs)
    with refused("NoSuchEntity", "does not exist or is not attachable"):
        iam.create_user(UserName="ada", PermissionsBoundary=theirs)
    with refused("NoSuchEntity", "does not exist or is not attachable"):
        iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST, PermissionsBoundary=theirs)
    for operation in (iam.get_policy, iam.delete_policy, iam.list_entities_for_policy):
        with refused("AccessDenied", theirs):
            operation(PolicyArn=theirs)
    used = {each["Arn"]: each["AttachmentCount"] for each in iam.list_policies()["Policies"]}
    stranger.attach_user_policy(UserName="root-like", PolicyArn=READ_ONLY)
    assert used == {
        each["Arn"]: each["AttachmentCount"] for each in iam.list_policies()["Policies"]
    }


def test_a_refusal_cannot_be_got_around_by_case_or_path(registry: Registry, iam: Any) -> None:
    prepare(iam)
    key = registry.user("warden", allow("iam:*"), allow("iam:*", resource=USER, effect="Deny"))
    warden = iam_client(registry, key)
    for name in ("ada", "ADA", "Ada"):
        asked = arn(f"user/{name}")
        with refused("AccessDenied", f"iam:DeleteUser on resource: {asked} with an explicit deny"):
            warden.delete_user(UserName=name)
    with refused("AccessDenied", f"iam:UpdateUser on resource: {arn('user/AdA')} with an"):
        warden.update_user(UserName="AdA", NewPath="/y/")
    with refused("AccessDenied", "explicit deny"):
        warden.update_user(UserName="warden", NewUserName="ada", NewPath="/x/")


def delegating(*statements: dict[str, Any]) -> str:
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in statements]}
    )


def test_an_administrator_who_may_only_make_limited_users(registry: Registry, iam: Any) -> None:
    """The example of the user guide, "Delegating responsibility to others"."""
    limit = {"StringEquals": {"iam:PermissionsBoundary": READ_ONLY}}
    actions = [
        "iam:CreateUser", "iam:PutUserPolicy", "iam:AttachUserPolicy", "iam:DetachUserPolicy",
        "iam:DeleteUserPolicy", "iam:PutUserPermissionsBoundary",
    ]  # fmt: skip
    document = delegating({"Action": actions, "Resource": "*", "Condition": limit})
    delegate = iam_client(registry, registry.user("zhang", document))
    with refused("AccessDenied", "iam:CreateUser"):
        delegate.create_user(UserName="ada")
    with refused("AccessDenied", "iam:CreateUser"):
        delegate.create_user(
            UserName="ada", PermissionsBoundary="arn:aws:iam::aws:policy/AdministratorAccess"
        )
    delegate.create_user(UserName="ada", PermissionsBoundary=READ_ONLY)
    delegate.put_user_policy(UserName="ada", PolicyName="p", PolicyDocument=allow("*"))
    delegate.attach_user_policy(UserName="ada", PolicyArn=READ_ONLY)
    for operation, more in (
        ("put_user_policy", {"PolicyName": "p", "PolicyDocument": allow("*")}),
        ("attach_user_policy", {"PolicyArn": READ_ONLY}),
    ):
        with refused("AccessDenied"):
            getattr(delegate, operation)(UserName="zhang", **more)
    with refused("AccessDenied", "iam:DeleteUserPermissionsBoundary"):
        delegate.delete_user_permissions_boundary(UserName="ada")


def test_only_some_policies_may_be_attached(registry: Registry, iam: Any) -> None:
    document = delegating(
        {
            "Action": ["iam:AttachGroupPolicy", "iam:AttachRolePolicy", "iam:AttachUserPolicy"],
            "Resource": "*",
            "Condition": {"ArnEquals": {"iam:PolicyARN": READ_ONLY}},
        }
    )
    delegate = iam_client(registry, registry.user("zhang", document))
    iam.create_group(GroupName="team")
    iam.create_role(RoleName="task", AssumeRolePolicyDocument=TRUST)
    for noun, named in (
        ("group", {"GroupName": "team"}), ("role", {"RoleName": "task"}),
        ("user", {"UserName": "zhang"}),
    ):  # fmt: skip
        attach = getattr(delegate, f"attach_{noun}_policy")
        attach(**named, PolicyArn=READ_ONLY)
        with refused("AccessDenied"):
            attach(**named, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")


def test_tags_of_the_request_and_of_the_resource(registry: Registry, iam: Any) -> None:
    tagged = [{"Key": "team", "Value": "blue"}]
    document = delegating(
        {
            "Action": ["iam:CreateUser", "iam:TagUser"],
            "Resource": "*",
            "Condition": {
                "StringEquals": {"aws:RequestTag/team": "blue"},
                "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]},
            },
        },
        {
            "Action": ["iam:GetUser", "iam:GetRole", "iam:GetInstanceProfile", "iam:GetPolicy"],
            "Resource": "*",
            "Condition": {"StringEquals": {"iam:ResourceTag/team": "blue"}},
        },
        {
            "Action": "iam:DeleteUser",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceTag/team": "blue"}},
        },
    )
    mine = iam_client(registry, registry.user("blue", document))
    with refused("AccessDenied", "iam:CreateUser"):
        mine.create_user(UserName="ada", Tags=[{"Key": "team", "Value": "red"}])
    with refused("AccessDenied", "iam:CreateUser"):
        mine.create_user(UserName="ada", Tags=[*tagged, {"Key": "more", "Value": "x"}])
    mine.create_user(UserName="ada", Tags=tagged)
    prepare_blue = {"role": {"RoleName": "t", "AssumeRolePolicyDocument": TRUST}}
    prepare_blue["instance_profile"] = {"InstanceProfileName": "t"}
    prepare_blue["policy"] = {"PolicyName": "t", "PolicyDocument": ALLOW}
    for noun, parameters in prepare_blue.items():
        getattr(iam, f"create_{noun}")(**parameters)
    names = {"role": {"RoleName": "t"}, "instance_profile": {"InstanceProfileName": "t"}}
    names["policy"] = {"PolicyArn": arn("policy/t")}
    for noun, named in names.items():
        get = getattr(mine, f"get_{noun}")
        with refused("AccessDenied"):
            get(**named)
        getattr(iam, f"tag_{noun}")(**named, Tags=tagged)
        get(**named)
    with refused("AccessDenied"):
        mine.get_user(UserName="admin")
    mine.get_user(UserName="ada")
    with refused("AccessDenied"):
        mine.delete_user(UserName="admin")
    mine.delete_user(UserName="ada")


def test_a_key_of_nobody_is_asked_about_by_who_may_ask_about_all(registry: Registry) -> None:
    document = allow("iam:GetAccessKeyLastUsed", resource=arn("user/ada"))
    mine = iam_client(registry, registry.user("ada", document))
    with refused("AccessDenied", arn("user/*")):
        mine.get_access_key_last_used(AccessKeyId="AKIAIOSFODNN7EXAMPLE")


def test_profiles_are_found_under_their_path(registry: Registry, iam: Any) -> None:
    prepare(iam)
    document = allow("iam:GetInstanceProfile", resource=PROFILE)
    mine = iam_client(registry, registry.user("ada2", document))
    assert mine.get_instance_profile(InstanceProfileName="HOST")
