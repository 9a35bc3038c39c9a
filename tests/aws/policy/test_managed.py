"""AWS's own managed policies, of which moto carries a copy, are read and mean what they say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from moto.iam.aws_managed_policies import aws_managed_policies_data

from registry.aws.policy import (
    Policies,
    Policy,
    PolicyInvalid,
    PolicyKind,
    Principal,
    Request,
    decide,
    parse,
)
from tests.aws.policy.builders import HERE, USER

MANAGED: dict[str, Any] = json.loads(aws_managed_policies_data)
TOO_LARGE = {"AWSSupportServiceRolePolicy"}  # larger than IAM itself accepts
REGISTRY = f"arn:aws:ecr:us-east-1:{HERE}:repository/team/app"


def managed(name: str) -> Policy:
    return parse(MANAGED[name]["Document"], PolicyKind.IDENTITY, name=name)


def test_every_managed_policy_of_aws_is_read() -> None:
    refused = set()
    for name in MANAGED:
        try:
            assert managed(name).statements
        except PolicyInvalid:
            refused.add(name)
    assert len(MANAGED) > 1000
    assert refused == TOO_LARGE


@pytest.mark.parametrize(
    ("name", "allowed", "refused"),
    [
        (
            "AmazonEC2ContainerRegistryReadOnly",
            ["GetAuthorizationToken", "BatchGetImage", "GetDownloadUrlForLayer", "ListImages"],
            ["PutImage", "UploadLayerPart", "BatchDeleteImage", "DeleteRepository"],
        ),
        (
            "AmazonEC2ContainerRegistryPowerUser",
            ["GetAuthorizationToken", "BatchGetImage", "PutImage", "InitiateLayerUpload"],
            ["BatchDeleteImage", "DeleteRepository", "SetRepositoryPolicy"],
        ),
        (
            "AmazonEC2ContainerRegistryFullAccess",
            ["PutImage", "BatchDeleteImage", "DeleteRepository", "SetRepositoryPolicy"],
            [],
        ),
        ("AdministratorAccess", ["PutImage", "DeleteRepository"], []),
        ("ReadOnlyAccess", ["BatchGetImage", "DescribeImages"], ["PutImage", "DeleteRepository"]),
    ],
)
def test_managed_policies_of_the_registry(
    name: str, allowed: list[str], refused: list[str]
) -> None:
    policies = Policies((managed(name),))
    answers = {
        action: decide(policies, Request(USER, f"ecr:{action}", REGISTRY, HERE)).allowed
        for action in (*allowed, *refused)
    }
    assert answers == dict.fromkeys(allowed, True) | dict.fromkeys(refused, False)


@pytest.mark.parametrize(("service", "passes"), [("ecs-tasks.amazonaws.com", True), ("x.y", False)])
def test_a_condition_of_a_managed_policy(service: str, passes: bool) -> None:
    role = Principal(f"arn:aws:sts::{HERE}:assumed-role/ci/1", HERE)
    asked = Request(
        role,
        "iam:PassRole",
        f"arn:aws:iam::{HERE}:role/task",
        HERE,
        {"iam:passedtoservice": service},
    )
    assert decide(Policies((managed("AmazonECS_FullAccess"),)), asked).allowed is passes
