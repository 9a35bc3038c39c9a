from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.identities.documents import (
    MANAGED_LIMIT,
    TRUST_LIMIT,
    check_identity,
    check_managed,
    check_trust,
    size,
)
from registry.values.errors import LimitExceeded, PolicyDocumentInvalid
from tests.application import allow


def trust(**changed: Any) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "123456789012"},
        "Action": "sts:AssumeRole",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": statement | changed})


@given(st.text(alphabet=" \t\r\n\x0bab"), st.text(alphabet=" \n"))
def test_white_space_does_not_count(text: str, more: str) -> None:
    assert size(text) == text.count("a") + text.count("b")
    assert size(text + more) == size(text)


def padded(length: int) -> str:
    bare = size(allow("ecr:"))
    return allow("ecr:" + "a" * (length - bare))


def test_a_managed_policy_is_as_long_as_its_limit_at_most() -> None:
    check_managed(padded(MANAGED_LIMIT))
    with pytest.raises(LimitExceeded, match="PolicySize: 6144"):
        check_managed(padded(MANAGED_LIMIT + 1))
    check_identity(padded(MANAGED_LIMIT + 1))


def test_a_trust_policy_is_as_long_as_its_limit_at_most() -> None:
    bare = size(trust(Sid=""))
    check_trust(trust(Sid="a" * (TRUST_LIMIT - bare)))
    with pytest.raises(LimitExceeded, match="ACLSizePerRole: 4096"):
        check_trust(trust(Sid="a" * (TRUST_LIMIT - bare + 1)))


@pytest.mark.parametrize(
    "action", ["sts:AssumeRole", "STS:TagSession", "sts:*", ["sts:A", "sts:B"]]
)
def test_a_trust_policy_about_sts(action: Any) -> None:
    check_trust(trust(Action=action))


@pytest.mark.parametrize("action", ["*", "ecr:*", "*:*", ["sts:A", "ecr:B"], "st*:AssumeRole"])
def test_a_trust_policy_about_something_else(action: Any) -> None:
    with pytest.raises(PolicyDocumentInvalid):
        check_trust(trust(Action=action))


def test_each_kind_is_refused_as_the_other() -> None:
    with pytest.raises(PolicyDocumentInvalid, match="Principal is missing"):
        check_trust(allow("sts:AssumeRole"))
    with pytest.raises(PolicyDocumentInvalid, match="Principal cannot be"):
        check_identity(trust(Resource="*"))
