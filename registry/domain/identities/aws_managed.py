"""AWS's own managed policies, as far as they mean something here.

Source: AWS Managed Policy Reference Guide; the documents as published there, without the
actions of services that this server does not have.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

PREFIX = "arn:aws:iam::aws:policy/"

_READ = [
    "ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability",
    "ecr:GetDownloadUrlForLayer",
    "ecr:GetRepositoryPolicy",
    "ecr:DescribeRepositories",
    "ecr:ListImages",
    "ecr:DescribeImages",
    "ecr:BatchGetImage",
    "ecr:GetLifecyclePolicy",
    "ecr:GetLifecyclePolicyPreview",
    "ecr:ListTagsForResource",
    "ecr:DescribeImageScanFindings",
]
_WRITE = [
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
]
_PULL = ["ecr:GetAuthorizationToken", "ecr:BatchImportUpstreamImage"]
_PULL += ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
_LOGS = ["logs:CreateLogStream", "logs:PutLogEvents"]
_IAM_READ = ["iam:GenerateCredentialReport", "iam:GenerateServiceLastAccessedDetails"]
_IAM_READ += ["iam:Get*", "iam:List*", "iam:SimulateCustomPolicy", "iam:SimulatePrincipalPolicy"]


def _allowing(*actions: str) -> str:
    statement: dict[str, Any] = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


DOCUMENTS = {
    PREFIX + name: document
    for name, document in {
        "AdministratorAccess": _allowing("*"),
        "AmazonEC2ContainerRegistryFullAccess": _allowing("ecr:*", "cloudtrail:LookupEvents"),
        "AmazonEC2ContainerRegistryPowerUser": _allowing(*_READ, *_WRITE),
        "AmazonEC2ContainerRegistryReadOnly": _allowing(*_READ),
        "AmazonEC2ContainerRegistryPullOnly": _allowing(*_PULL),
        "AmazonElasticContainerRegistryPublicFullAccess": _allowing(
            "ecr-public:*", "sts:GetServiceBearerToken"
        ),
        "IAMFullAccess": _allowing("iam:*"),
        "IAMReadOnlyAccess": _allowing(*_IAM_READ),
        "service-role/AmazonECSTaskExecutionRolePolicy": _allowing(*_READ[:3], _READ[7], *_LOGS),
    }.items()
}
"""By ARN."""

SINCE = datetime(2015, 12, 21, tzinfo=UTC)
"""When they were made, as far as anybody asks: these documents have one version only."""


def unique_id(arn: str) -> str:
    """The id of one of these policies, the same on every server."""
    return "ANPA" + base64.b32encode(hashlib.sha256(arn.encode()).digest()).decode()[:17]
