from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from registry.domain.identities.aws_managed import DOCUMENTS
from tests.application import Registry, allow
from tests.iam.client import ALLOW, READ_ONLY, TRUST, arn, iam_client, refused


def policy(iam: Any, name: str = "push", document: str = ALLOW, **more: Any) -> str:
    made = iam.create_policy(PolicyName=name, PolicyDocument=document, **more)["Policy"]
    return str(made["Arn"])


def test_the_life_of_a_policy(iam: Any) -> None:
    made = iam.create_policy(
        PolicyName="push",
        Path="/ci/",
        PolicyDocument=ALLOW,
        Description="pushes",
        Tags=[{"Key": "a", "Value": "1"}],
    )["Policy"]
    assert made["Arn"] == arn("policy/ci/push")
    assert made["PolicyId"].startswith("ANPA")
    assert made["DefaultVersionId"] == "v1"
    assert made["AttachmentCount"] == made["PermissionsBoundaryUsageCount"] == 0
    assert made["IsAttachable"] is True
    assert made["Description"] == "pushes"
    assert iam.get_policy(PolicyArn=made["Arn"])["Policy"] == made
    (listed,) = iam.list_policies(Scope="Local")["Policies"]
    assert listed == {
        key: value for key, value in made.items() if key not in {"Tags", "Description"}
    }
    iam.delete_policy(PolicyArn=made["Arn"])
    with refused("NoSuchEntity", made["Arn"]):
        iam.get_policy(PolicyArn=made["Arn"])


def test_the_document_comes_back_as_it_was_given(iam: Any) -> None:
    text = '{ "Version":"2012-10-17",\n "Statement": {"Sid":"a","Effect":"Allow",'
    text += (
        '"Action":"ecr:*","Resource":"*","Condition":{"StringLike":{"aws:username":"a+b %é*"}}}}'
    )
    made = policy(iam, document=text)
    raw: list[str] = []
    iam.meta.events.register(
        "after-call", lambda http_response, **_: raw.append(http_response.text)
    )
    shown = iam.get_policy_version(PolicyArn=made, VersionId="v1")["PolicyVersion"]
    assert shown["Document"] == json.loads(text)
    assert shown["IsDefaultVersion"] is True
    assert f"<Document>{quote(text, safe='')}</Document>" in raw[0]


def test_versions(registry: Registry, iam: Any) -> None:
    made = policy(iam, document=allow("iam:GetUser"))
    mine = iam_client(registry, registry.user("ada"))
    iam.attach_user_policy(UserName="ada", PolicyArn=made)
    mine.get_user()
    second = iam.create_policy_version(PolicyArn=made, PolicyDocument=allow("iam:ListUsers"))
    assert second["PolicyVersion"]["VersionId"] == "v2"
    assert second["PolicyVersion"]["IsDefaultVersion"] is False
    with refused("AccessDenied"):
        mine.list_users()
    iam.set_default_policy_version(PolicyArn=made, VersionId="v2")
    mine.list_users()
    with refused("AccessDenied"):
        mine.get_user()
    with refused("DeleteConflict", "Cannot delete the default version of a policy."):
        iam.delete_policy_version(PolicyArn=made, VersionId="v2")
    iam.delete_policy_version(PolicyArn=made, VersionId="v1")
    third = iam.create_policy_version(
        PolicyArn=made, PolicyDocument=allow("iam:GetUser"), SetAsDefault=True
    )["PolicyVersion"]
    assert (third["VersionId"], third["IsDefaultVersion"]) == ("v3", True)
    mine.get_user()
    versions = iam.list_policy_versions(PolicyArn=made)["Versions"]
    assert [(each["VersionId"], each["IsDefaultVersion"]) for each in versions] == [
        ("v3", True),
        ("v2", False),
    ]
    assert "Document" not in versions[0]
    assert iam.get_policy(PolicyArn=made)["Policy"]["DefaultVersionId"] == "v3"


def test_a_policy_has_five_versions_at_most(iam: Any) -> None:
    made = policy(iam)
    for _ in range(4):
        iam.create_policy_version(PolicyArn=made, PolicyDocument=ALLOW)
    with refused("LimitExceeded", "A managed policy can have up to 5 versions."):
        iam.create_policy_version(PolicyArn=made, PolicyDocument=ALLOW)
    iam.delete_policy_version(PolicyArn=made, VersionId="v5")
    version = iam.create_policy_version(PolicyArn=made, PolicyDocument=ALLOW)["PolicyVersion"]
    assert version["VersionId"] == "v6", "a number is not used again"


def test_versions_that_are_not_there(iam: Any) -> None:
    made = policy(iam)
    for call in (
        iam.get_policy_version, iam.delete_policy_version, iam.set_default_policy_version,
    ):  # fmt: skip
        with refused("NoSuchEntity", "version v7"):
            call(PolicyArn=made, VersionId="v7")
        with refused("ValidationError", "versionId"):
            call(PolicyArn=made, VersionId="7")


def test_a_policy_is_deleted_when_nothing_uses_it(iam: Any) -> None:
    made = policy(iam)
    iam.create_policy_version(PolicyArn=made, PolicyDocument=ALLOW)
    iam.create_role(RoleName="task", AssumeRolePolicyDocument=TRUST, PermissionsBoundary=made)
    iam.attach_user_policy(UserName="admin", PolicyArn=made)
    shown = iam.get_policy(PolicyArn=made)["Policy"]
    assert (shown["AttachmentCount"], shown["PermissionsBoundaryUsageCount"]) == (1, 1)
    with refused("DeleteConflict", "Cannot delete a policy attached to entities."):
        iam.delete_policy(PolicyArn=made)
    iam.detach_user_policy(UserName="admin", PolicyArn=made)
    with refused("DeleteConflict", "Cannot delete a policy attached to entities."):
        iam.delete_policy(PolicyArn=made)
    iam.delete_role_permissions_boundary(RoleName="task")
    with refused("DeleteConflict", "more than one version"):
        iam.delete_policy(PolicyArn=made)
    iam.delete_policy_version(PolicyArn=made, VersionId="v2")
    iam.delete_policy(PolicyArn=made)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("not json", "line 1"),
        ("{}", "Statement is missing"),
        (TRUST, "Principal cannot be in an identity-based policy"),
        (allow("nonsense"), "is not an action"),
        (allow("ecr:*", effect="Maybe"), "must be Allow or Deny"),
    ],
)
def test_a_document_that_is_none(iam: Any, document: str, words: str) -> None:
    with refused("MalformedPolicyDocument", words):
        policy(iam, document=document)
    made = policy(iam)
    with refused("MalformedPolicyDocument", words):
        iam.create_policy_version(PolicyArn=made, PolicyDocument=document)
    assert len(iam.list_policy_versions(PolicyArn=made)["Versions"]) == 1


def test_a_document_that_is_too_long(iam: Any) -> None:
    long = allow(*(f"ecr:Action{number:04}" for number in range(400)))
    with refused("LimitExceeded", "Cannot exceed quota for PolicySize: 6144"):
        policy(iam, document=long)


def test_names_that_are_taken_or_not_there(iam: Any) -> None:
    policy(iam)
    with refused("EntityAlreadyExists", "A policy called PUSH already exists."):
        policy(iam, "PUSH", Path="/other/")
    missing = arn("policy/none")
    for call, more in (
        (iam.get_policy, {}),
        (iam.delete_policy, {}),
        (iam.list_policy_versions, {}),
        (iam.list_entities_for_policy, {}),
        (iam.create_policy_version, {"PolicyDocument": ALLOW}),
    ):
        with refused("NoSuchEntity", f"Policy {missing} was not found."):
            call(PolicyArn=missing, **more)


def test_policies_that_aws_manages_are_read_and_not_changed(iam: Any) -> None:
    shown = iam.get_policy(PolicyArn=READ_ONLY)["Policy"]
    assert shown["PolicyName"] == "AmazonEC2ContainerRegistryReadOnly"
    assert shown["DefaultVersionId"] == "v1"
    version = iam.get_policy_version(PolicyArn=READ_ONLY, VersionId="v1")["PolicyVersion"]
    assert version["Document"] == json.loads(DOCUMENTS[READ_ONLY])
    assert len(iam.list_policy_versions(PolicyArn=READ_ONLY)["Versions"]) == 1
    for call, more in (
        (iam.delete_policy, {}),
        (iam.create_policy_version, {"PolicyDocument": ALLOW}),
        (iam.delete_policy_version, {"VersionId": "v1"}),
        (iam.set_default_policy_version, {"VersionId": "v1"}),
        (iam.tag_policy, {"Tags": [{"Key": "a", "Value": "b"}]}),
        (iam.untag_policy, {"TagKeys": ["a"]}),
    ):
        with refused("AccessDenied", "is managed by AWS and cannot be changed"):
            call(PolicyArn=READ_ONLY, **more)


def test_policies_are_listed_by_scope_path_and_use(iam: Any) -> None:
    used, bounding, idle = (policy(iam, name, Path="/x/") for name in ("used", "bound", "idle"))
    iam.attach_user_policy(UserName="admin", PolicyArn=used)
    iam.create_user(UserName="ada", PermissionsBoundary=bounding)

    def listed(**filters: Any) -> set[str]:
        return {each["Arn"] for each in iam.list_policies(**filters)["Policies"]}

    assert listed() == {used, bounding, idle, *DOCUMENTS}
    assert listed(Scope="AWS") == set(DOCUMENTS)
    assert listed(Scope="Local") == {used, bounding, idle}
    assert listed(PathPrefix="/x/") == {used, bounding, idle}
    assert listed(Scope="Local", OnlyAttached=True) == {used, bounding}
    assert listed(Scope="Local", PolicyUsageFilter="PermissionsPolicy") == {used}
    assert listed(PolicyUsageFilter="PermissionsBoundary") == {bounding}
    (admin,) = iam.list_policies(Scope="AWS", OnlyAttached=True)["Policies"]
    assert (admin["PolicyName"], admin["AttachmentCount"]) == ("AdministratorAccess", 1)


def test_who_uses_a_policy(iam: Any) -> None:
    made = policy(iam)
    iam.create_group(GroupName="team", Path="/x/")
    iam.attach_group_policy(GroupName="team", PolicyArn=made)
    iam.create_user(UserName="ada", PermissionsBoundary=made)
    iam.create_role(RoleName="task", AssumeRolePolicyDocument=TRUST)
    iam.attach_role_policy(RoleName="task", PolicyArn=made)

    def names(**filters: Any) -> list[str]:
        found = iam.list_entities_for_policy(PolicyArn=made, **filters)
        return [
            entity[f"{kind}Name"]
            for kind in ("Group", "User", "Role")
            for entity in found[f"Policy{kind}s"]
        ]

    assert names() == ["team", "ada", "task"]
    assert names(EntityFilter="User") == ["ada"]
    assert names(EntityFilter="LocalManagedPolicy") == []
    assert names(PolicyUsageFilter="PermissionsBoundary") == ["ada"]
    assert names(PolicyUsageFilter="PermissionsPolicy") == ["team", "task"]
    assert names(PathPrefix="/x/") == ["team"]
