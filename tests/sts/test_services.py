"""Services of this server as principals: they get the roles that trust them, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from registry.domain.identities.services import ECS_TASKS
from registry.ecs.control.roles import RoleRefused, RolesUnreachable
from registry.ecs.control.sts_roles import StsRoles
from tests.application import ACCOUNT, Registry, allow
from tests.identities import make_role, trusting


def trusting_service(name: str, **condition: Any) -> str:
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": name},
        "Action": "sts:AssumeRole",
    }
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def client(registry: Registry, service: str) -> Any:
    key = registry.ground.services.of(ECS_TASKS)
    return registry.aws(service, key.id, key.secret)


@pytest.fixture
def roles(registry: Registry) -> StsRoles:
    return StsRoles(lambda: client(registry, "sts"))


def test_a_role_that_trusts_the_service_is_assumed_and_works(
    registry: Registry, roles: StsRoles
) -> None:
    arn = make_role(
        registry, "work", trusting_service(ECS_TASKS), allow("ecr:DescribeRepositories")
    )
    session = roles.assume(arn, "task-1")
    ecr = registry.aws(
        "ecr", session.access_key_id, session.secret_access_key, session.session_token
    )
    assert ecr.describe_repositories()["repositories"] == []
    sts = registry.aws(
        "sts", session.access_key_id, session.secret_access_key, session.session_token
    )
    assert sts.get_caller_identity()["Arn"] == (f"arn:aws:sts::{ACCOUNT}:assumed-role/work/task-1")


@pytest.mark.parametrize(
    "trust",
    [
        trusting_service("ec2.amazonaws.com"),
        trusting(f"arn:aws:iam::{ACCOUNT}:root"),
        trusting_service(ECS_TASKS, StringEquals={"aws:SourceAccount": "1"}),
    ],
)
def test_another_role_is_not(registry: Registry, roles: StsRoles, trust: str) -> None:
    arn = make_role(registry, "work", trust)
    with pytest.raises(RoleRefused, match="unable to assume the role"):
        roles.assume(arn, "task-1")
    with pytest.raises(RoleRefused):
        roles.assume(arn + "-that-is-not-there", "task-1")


def test_the_service_may_do_nothing_else(registry: Registry) -> None:
    for service, operation in (
        ("ecr", "describe_repositories"),
        ("ecs", "list_clusters"),
        ("iam", "list_users"),
        ("sts", "get_session_token"),
    ):
        with pytest.raises(ClientError) as caught:
            getattr(client(registry, service), operation)()
        assert "AccessDenied" in caught.value.response["Error"]["Code"]
    who = client(registry, "sts").get_caller_identity()
    assert who["Arn"] == ECS_TASKS


def test_keys_are_of_this_server_alone_and_stay(registry: Registry) -> None:
    mine = registry.ground.services.of(ECS_TASKS)
    assert registry.beside().ground.services.of(ECS_TASKS) == mine
    assert mine.secret not in repr(mine)
    wrong = registry.aws("sts", mine.id, "x" * 40)
    with pytest.raises(ClientError) as caught:
        wrong.get_caller_identity()
    assert caught.value.response["Error"]["Code"] == "SignatureDoesNotMatch"


def test_a_role_whose_trust_ends_ends(registry: Registry, roles: StsRoles) -> None:
    arn = make_role(registry, "work", trusting_service(ECS_TASKS), allow("ecr:*"))
    session = roles.assume(arn, "task-1")
    iam = registry.aws("iam", registry.admin.id, registry.admin.secret)
    iam.delete_role_policy(RoleName="work", PolicyName="policy-0")
    iam.delete_role(RoleName="work")
    ecr = registry.aws(
        "ecr", session.access_key_id, session.secret_access_key, session.session_token
    )
    with pytest.raises(ClientError):
        ecr.describe_repositories()


def test_nobody_to_ask_is_not_a_refusal(registry: Registry) -> None:
    import boto3  # noqa: PLC0415 - a client of nowhere, for this test alone

    nowhere = boto3.client(
        "sts",
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        region_name="us-east-1",
    )
    with pytest.raises(RolesUnreachable):
        StsRoles(lambda: nowhere).assume(f"arn:aws:iam::{ACCOUNT}:role/x", "t")
