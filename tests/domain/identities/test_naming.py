"""Policies stand by the users and roles that they named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from registry.domain.identities.naming import renamed
from tests.application import ACCOUNT, Registry, allow
from tests.iam.client import iam_client, refused

ADA = f"arn:aws:iam::{ACCOUNT}:user/ada"
BEA = f"arn:aws:iam::{ACCOUNT}:user/bea"


def policy(principal: Any, **more: Any) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "ecr:ListImages"} | more
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"AWS": ADA}, {"AWS": BEA}),
        ({"AWS": [ADA, "111122223333"]}, {"AWS": [BEA, "111122223333"]}),
        ({"AWS": ADA + "m"}, None),
        ({"AWS": ["*"]}, None),
        ("*", None),
        ({"Service": "ecr.amazonaws.com"}, None),
    ],
)
def test_only_that_principal_is_renamed(before: Any, after: Any) -> None:
    condition = {"StringEquals": {"aws:PrincipalArn": ADA}}
    text = renamed(policy(before, Condition=condition), ADA, BEA)
    assert text == (None if after is None else policy(after, Condition=condition))


@pytest.mark.parametrize("text", ["[]", '"ENABLED"', "{}", '{"rules": []}'])
def test_what_is_no_policy_stays(text: str) -> None:
    assert renamed(text, ADA, BEA) is None


def lists(registry: Registry, name: str) -> bool:
    """Whether somebody of that name, made now, may list the images."""
    somebody = registry.ecr(registry.user(name))
    try:
        somebody.list_images(repositoryName="team/app")
    except somebody.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "AccessDeniedException":
            raise
        return False
    return True


@pytest.fixture
def iam(registry: Registry) -> Any:
    registry.ecr().create_repository(repositoryName="team/app")
    registry.ecr().set_repository_policy(repositoryName="team/app", policyText=policy({"AWS": ADA}))
    return iam_client(registry)


def shown(registry: Registry) -> Any:
    text = registry.ecr().get_repository_policy(repositoryName="team/app")["policyText"]
    return json.loads(text)["Statement"]["Principal"]["AWS"]


def test_who_is_made_again_is_not_trusted(registry: Registry, iam: Any) -> None:
    assert lists(registry, "ada")
    user_id = iam.get_user(UserName="ada")["User"]["UserId"]
    for key in iam.list_access_keys(UserName="ada")["AccessKeyMetadata"]:
        iam.delete_access_key(UserName="ada", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="ada")
    assert shown(registry) == user_id
    assert not lists(registry, "ada")
    registry.ecr().set_repository_policy(
        repositoryName="team/app",
        policyText=registry.ecr().get_repository_policy(repositoryName="team/app")["policyText"],
    )


def test_a_policy_follows_a_new_name(registry: Registry, iam: Any) -> None:
    key = registry.user("ada")
    iam.update_user(UserName="ada", NewUserName="bea", NewPath="/team/")
    assert shown(registry) == f"arn:aws:iam::{ACCOUNT}:user/team/bea"
    registry.ecr(key).list_images(repositoryName="team/app")
    assert not lists(registry, "ada")


def test_a_role_that_is_made_again_is_not_trusted_to_assume_another(
    registry: Registry, iam: Any
) -> None:
    first = f"arn:aws:iam::{ACCOUNT}:role/first"
    trust = policy({"AWS": first}, Action="sts:AssumeRole")
    service = policy({"Service": "ecs-tasks.amazonaws.com"}, Action="sts:AssumeRole")
    iam.create_role(RoleName="first", AssumeRolePolicyDocument=service)
    iam.create_role(RoleName="second", AssumeRolePolicyDocument=trust)
    role_id = iam.get_role(RoleName="first")["Role"]["RoleId"]
    iam.delete_role(RoleName="first")
    kept = iam.get_role(RoleName="second")["Role"]["AssumeRolePolicyDocument"]
    assert kept["Statement"]["Principal"] == {"AWS": role_id}


def test_a_role_is_passed_only_by_who_may(registry: Registry) -> None:
    iam = iam_client(registry)
    service = policy({"Service": "ec2.amazonaws.com"}, Action="sts:AssumeRole")
    iam.create_role(RoleName="task", AssumeRolePolicyDocument=service)
    iam.create_instance_profile(InstanceProfileName="host")
    only = iam_client(registry, registry.user("bea", allow("iam:AddRoleToInstanceProfile")))
    with refused("AccessDenied", "iam:PassRole on resource: "):
        only.add_role_to_instance_profile(InstanceProfileName="host", RoleName="task")
    both = allow("iam:AddRoleToInstanceProfile", "iam:PassRole")
    may = iam_client(registry, registry.user("cy", both))
    may.add_role_to_instance_profile(InstanceProfileName="host", RoleName="task")


def test_a_template_names_a_role_only_for_who_may_pass_it(registry: Registry) -> None:
    template: dict[str, Any] = {
        "prefix": "team",
        "appliedFor": ["CREATE_ON_PUSH"],
        "customRoleArn": f"arn:aws:iam::{ACCOUNT}:role/task",
    }
    only = allow("ecr:CreateRepositoryCreationTemplate", "ecr:UpdateRepositoryCreationTemplate")
    ecr = registry.ecr(registry.user("bea", only))
    with pytest.raises(ClientError, match=r"iam:PassRole on resource: .*role/task"):
        ecr.create_repository_creation_template(**template)
    del template["customRoleArn"]
    ecr.create_repository_creation_template(**template)
