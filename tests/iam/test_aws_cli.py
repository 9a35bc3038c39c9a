"""The AWS CLI: a user from its making to its end, with docker's password on the way."""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.application import allow, basic
from tests.clients.programs import Program
from tests.iam.client import READ_ONLY, TRUST, arn
from tests.server_process import ServerProcess

pytestmark = pytest.mark.clients


@pytest.fixture
def environment(server: ServerProcess) -> dict[str, str]:
    return server.aws_environment()


@pytest.fixture
def aws(environment: dict[str, str]) -> Program:
    return program(environment)


def program(environment: dict[str, str]) -> Program:
    return Program(Path(sys.executable).with_name("aws"), environment)


def read(text: str) -> Any:
    return json.loads(text)


def pings(server: ServerProcess, password: str) -> int:
    headers = {"authorization": basic(password)}
    with httpx.Client(base_url=server.url, headers=headers, trust_env=False) as client:
        return client.get("/v2/").status_code


def test_a_user_from_its_making_to_its_end(
    server: ServerProcess, aws: Program, environment: dict[str, str]
) -> None:
    name = f"ada-{uuid.uuid4().hex[:8]}"
    user = ("--user-name", name)
    made = read(aws("iam", "create-user", *user, "--path", "/ci/"))["User"]
    assert made["Arn"] == arn(f"user/ci/{name}")
    policy = allow("ecr:GetAuthorizationToken", "ecr:BatchGetImage")
    aws("iam", "put-user-policy", *user, "--policy-name", "pull", "--policy-document", policy)
    shown = read(aws("iam", "get-user-policy", *user, "--policy-name", "pull"))
    assert shown["PolicyDocument"] == json.loads(policy)

    key = read(aws("iam", "create-access-key", *user))["AccessKey"]
    mine = program(
        {
            **environment,
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        }
    )
    assert read(mine("sts", "get-caller-identity"))["Arn"] == made["Arn"]
    assert "AccessDenied" in mine.refused("iam", "list-users")
    password = mine("ecr", "get-login-password").strip()
    assert pings(server, password) == 200

    end = ("--access-key-id", key["AccessKeyId"])
    aws("iam", "update-access-key", *user, *end, "--status", "Inactive")
    assert pings(server, password) == 401
    assert "InvalidClientTokenId" in mine.refused("sts", "get-caller-identity")

    assert "(DeleteConflict)" in aws.refused("iam", "delete-user", *user)
    aws("iam", "delete-access-key", *user, *end)
    aws("iam", "delete-user-policy", *user, "--policy-name", "pull")
    aws("iam", "delete-user", *user)
    assert "(NoSuchEntity)" in aws.refused("iam", "get-user", *user)
    assert key["SecretAccessKey"] not in server.log


def test_a_role_with_its_profile_and_policies(aws: Program) -> None:
    name = f"task-{uuid.uuid4().hex[:8]}"
    role, profile = ("--role-name", name), ("--instance-profile-name", name)
    trust = ("--assume-role-policy-document", TRUST, "--tags", "Key=team,Value=blue")
    aws("iam", "create-role", *role, *trust)
    aws("iam", "attach-role-policy", *role, "--policy-arn", READ_ONLY)
    aws("iam", "create-instance-profile", *profile)
    aws("iam", "add-role-to-instance-profile", *profile, *role)
    shown = read(aws("iam", "get-instance-profile", *profile))["InstanceProfile"]
    assert shown["Roles"][0]["AssumeRolePolicyDocument"] == json.loads(TRUST)
    attached = read(aws("iam", "list-attached-role-policies", *role))["AttachedPolicies"]
    assert [each["PolicyArn"] for each in attached] == [READ_ONLY]
    assert read(aws("iam", "list-role-tags", *role))["Tags"] == [{"Key": "team", "Value": "blue"}]
    aws("iam", "remove-role-from-instance-profile", *profile, *role)
    aws("iam", "delete-instance-profile", *profile)
    aws("iam", "detach-role-policy", *role, "--policy-arn", READ_ONLY)
    aws("iam", "delete-role", *role)
    names = read(aws("iam", "list-roles", "--page-size", "1", "--query", "Roles[].RoleName"))
    assert name not in names
