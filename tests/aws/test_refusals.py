"""The gateway tells of credentials that it refused, and of nothing else."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from registry.aws.errors import Fault
from tests.aws.demo import KEY, SECRET, Demo


@pytest.mark.parametrize(
    ("key", "secret", "fault"),
    [
        (KEY, SECRET + "x", Fault.BAD_SIGNATURE),
        ("AKIAIOSFODNN7UNKNOWN", SECRET, Fault.UNKNOWN_KEY),
    ],
)
def test_wrong_credentials_are_told(key: str, secret: str, fault: Fault) -> None:
    demo = Demo()
    for service, call, action in (
        ("ecr", "describe_repositories", "ecr:DescribeRepositories"),
        ("sts", "get_caller_identity", "sts:GetCallerIdentity"),
    ):
        with pytest.raises(ClientError):
            getattr(demo.client(service, key=key, secret=secret), call)()
        assert demo.refused.pop() == (action, key, fault)
        assert demo.refused == []


def test_other_errors_are_not() -> None:
    demo = Demo()
    demo.authorize.denied = {"ecr:DescribeRepositories"}
    with pytest.raises(ClientError):
        demo.client("ecr").describe_repositories()
    with pytest.raises(ClientError):
        demo.client("ecr").get_lifecycle_policy(repositoryName="team/app")
    assert demo.refused == []
