"""boto3 clients of IAM whose requests end in this process, and what tests say often."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from registry.domain.identities.directory import AccessKey
from registry.domain.identities.sessions import TemporaryKey
from tests.application import ACCOUNT, REGION, URL, Registry, allow

OTHER = "210987654321"
ALLOW = allow("ecr:*")
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
READ_ONLY = "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"

_CONFIG = Config(retries={"total_max_attempts": 1}, parameter_validation=False)


def iam_client(
    registry: Registry, key: AccessKey | TemporaryKey | None = None, service: Any = "iam"
) -> Any:
    """A client of the administrator, or of whoever has the key."""
    key = key or registry.admin
    token = key.session_token if isinstance(key, TemporaryKey) else None
    client = boto3.client(
        service, region_name=REGION, endpoint_url=URL, config=_CONFIG,
        aws_access_key_id=key.id, aws_secret_access_key=key.secret,
        aws_session_token=token,
    )  # fmt: skip
    client.meta.events.register("before-send", registry._answer)
    return client


def admin_of(registry: Registry, account: str) -> Any:
    """A client of somebody who may do everything in another account."""
    return iam_client(registry, registry.user("root-like", allow("*"), account=account))


@contextmanager
def refused(code: str, words: str = "", status: int | None = None) -> Iterator[None]:
    """The block ends with this error of IAM."""
    statuses = {"NoSuchEntity": 404, "EntityAlreadyExists": 409, "DeleteConflict": 409}
    statuses |= {"LimitExceeded": 409, "AccessDenied": 403}
    with pytest.raises(ClientError) as caught:
        yield
    error = caught.value.response
    assert error["Error"]["Code"] == code, error
    assert words in error["Error"]["Message"], error
    expected = status or statuses.get(code, 400)
    assert error["ResponseMetadata"]["HTTPStatusCode"] == expected


def arn(resource: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:iam::{account}:{resource}"
