"""Inline and attached policies, the same for users, groups and roles."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from registry.domain.identities.aws_managed import DOCUMENTS
from tests.application import allow
from tests.iam.client import ALLOW, READ_ONLY, TRUST, arn, refused

LIMITS = {"user": 2048, "group": 5120, "role": 10240}


class Holder:
    """One kind of entity through one client."""

    def __init__(self, iam: Any, noun: str) -> None:
        self.iam = iam
        self.noun = noun
        self.name = f"{noun.capitalize()}Name"
        more = {"AssumeRolePolicyDocument": TRUST} if noun == "role" else {}
        getattr(iam, f"create_{noun}")(**{self.name: "it"}, **more)

    def __call__(self, operation: str, name: str = "it", **parameters: Any) -> dict[str, Any]:
        function: Callable[..., dict[str, Any]] = getattr(
            self.iam, operation.replace("NOUN", self.noun)
        )
        return function(**{self.name: name}, **parameters)


@pytest.fixture(params=["user", "group", "role"])
def holder(iam: Any, request: pytest.FixtureRequest) -> Holder:
    return Holder(iam, request.param)


def test_inline_policies(holder: Holder) -> None:
    for name in ("b", "a"):
        holder("put_NOUN_policy", PolicyName=name, PolicyDocument=ALLOW)
    assert holder("list_NOUN_policies")["PolicyNames"] == ["a", "b"]
    shown = holder("get_NOUN_policy", PolicyName="a")
    assert shown["PolicyDocument"] == json.loads(ALLOW)
    assert (shown["PolicyName"], shown[holder.name]) == ("a", "it")
    other = allow("ecr:PutImage")
    holder("put_NOUN_policy", PolicyName="a", PolicyDocument=other)
    assert holder("get_NOUN_policy", PolicyName="a")["PolicyDocument"] == json.loads(other)
    holder("delete_NOUN_policy", PolicyName="a")
    assert holder("list_NOUN_policies")["PolicyNames"] == ["b"]
    for operation in ("get_NOUN_policy", "delete_NOUN_policy"):
        with refused("NoSuchEntity", f"The {holder.noun} policy with name a cannot be found."):
            holder(operation, PolicyName="a")


def test_an_inline_policy_that_is_none(holder: Holder) -> None:
    with refused("MalformedPolicyDocument", "Statement is missing"):
        holder("put_NOUN_policy", PolicyName="a", PolicyDocument="{}")
    with refused("MalformedPolicyDocument", "Principal"):
        holder("put_NOUN_policy", PolicyName="a", PolicyDocument=TRUST)
    assert holder("list_NOUN_policies")["PolicyNames"] == []


def test_all_inline_policies_together_have_a_limit(holder: Holder) -> None:
    limit = LIMITS[holder.noun]
    bare = len(allow("ecr:").replace(" ", ""))
    half = allow("ecr:" + "a" * (limit // 2 - bare))
    for name in ("a", "b"):
        holder("put_NOUN_policy", PolicyName=name, PolicyDocument=half)
    words = f"Maximum policy size of {limit} bytes exceeded for {holder.noun} it"
    with refused("LimitExceeded", words):
        holder("put_NOUN_policy", PolicyName="c", PolicyDocument=ALLOW)
    holder("put_NOUN_policy", PolicyName="b", PolicyDocument=half)
    assert holder("list_NOUN_policies")["PolicyNames"] == ["a", "b"]


def test_attached_policies(holder: Holder) -> None:
    own = holder.iam.create_policy(PolicyName="own", Path="/x/", PolicyDocument=ALLOW)
    own_arn = own["Policy"]["Arn"]
    for each in (own_arn, READ_ONLY, READ_ONLY):
        holder("attach_NOUN_policy", PolicyArn=each)
    attached = holder("list_attached_NOUN_policies")["AttachedPolicies"]
    assert attached == [
        {"PolicyName": "AmazonEC2ContainerRegistryReadOnly", "PolicyArn": READ_ONLY},
        {"PolicyName": "own", "PolicyArn": own_arn},
    ]
    under = holder("list_attached_NOUN_policies", PathPrefix="/x/")["AttachedPolicies"]
    assert [each["PolicyName"] for each in under] == ["own"]
    holder("detach_NOUN_policy", PolicyArn=READ_ONLY)
    assert len(holder("list_attached_NOUN_policies")["AttachedPolicies"]) == 1
    with refused("NoSuchEntity", f"Policy {READ_ONLY} was not found."):
        holder("detach_NOUN_policy", PolicyArn=READ_ONLY)


@pytest.mark.parametrize(
    "missing",
    [arn("policy/none"), "arn:aws:iam::aws:policy/None", "arn:aws:s3:::a-bucket-of-others"],
)
def test_a_policy_that_cannot_be_attached(holder: Holder, missing: str) -> None:
    with refused("NoSuchEntity", f"Policy {missing} does not exist or is not attachable."):
        holder("attach_NOUN_policy", PolicyArn=missing)
    assert holder("list_attached_NOUN_policies")["AttachedPolicies"] == []


def test_twenty_policies_are_attached_at_most(holder: Holder) -> None:
    names = [f"p{number}" for number in range(21 - len(DOCUMENTS))]
    arns = [*DOCUMENTS]
    for name in names:
        made = holder.iam.create_policy(PolicyName=name, PolicyDocument=ALLOW)
        arns.append(made["Policy"]["Arn"])
    for each in arns[:20]:
        holder("attach_NOUN_policy", PolicyArn=each)
    words = f"Cannot exceed quota for PoliciesPer{holder.noun.capitalize()}: 20"
    with refused("LimitExceeded", words):
        holder("attach_NOUN_policy", PolicyArn=arns[20])
    holder("attach_NOUN_policy", PolicyArn=arns[0])


@pytest.mark.parametrize(
    ("operation", "more"),
    [
        ("put_NOUN_policy", {"PolicyName": "a", "PolicyDocument": ALLOW}),
        ("get_NOUN_policy", {"PolicyName": "a"}),
        ("delete_NOUN_policy", {"PolicyName": "a"}),
        ("list_NOUN_policies", {}),
        ("attach_NOUN_policy", {"PolicyArn": READ_ONLY}),
        ("detach_NOUN_policy", {"PolicyArn": READ_ONLY}),
        ("list_attached_NOUN_policies", {}),
    ],
)
def test_a_holder_that_is_not_there(holder: Holder, operation: str, more: Any) -> None:
    with refused("NoSuchEntity", f"The {holder.noun} with name none cannot be found."):
        holder(operation, "none", **more)
