from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.iam.client import ALLOW, TRUST, arn, refused

Tagged = Callable[..., dict[str, Any]]

KINDS: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "user": ("UserName", "it", {}),
    "role": ("RoleName", "it", {"AssumeRolePolicyDocument": TRUST}),
    "instance_profile": ("InstanceProfileName", "it", {}),
    "policy": ("PolicyArn", arn("policy/it"), {"PolicyDocument": ALLOW}),
}


@pytest.fixture(params=KINDS)
def tagged(iam: Any, request: pytest.FixtureRequest) -> Tagged:
    noun = request.param
    parameter, value, more = KINDS[noun]
    named = {"PolicyName": "it"} if noun == "policy" else {parameter: value}
    getattr(iam, f"create_{noun}")(**named, **more)

    def call(operation: str, **parameters: Any) -> dict[str, Any]:
        function = getattr(iam, operation.replace("NOUN", noun))
        answer: dict[str, Any] = function(**{parameter: value, **parameters})
        return answer

    return call


def pairs(**tags: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def test_tags_are_added_changed_and_removed(tagged: Tagged) -> None:
    tagged("tag_NOUN", Tags=pairs(b="1", a="2"))
    assert tagged("list_NOUN_tags")["Tags"] == pairs(a="2", b="1")
    tagged("tag_NOUN", Tags=pairs(A="3", c=""))
    assert tagged("list_NOUN_tags")["Tags"] == pairs(a="3", b="1", c="")
    tagged("untag_NOUN", TagKeys=["B", "none"])
    assert tagged("list_NOUN_tags")["Tags"] == pairs(a="3", c="")
    assert tagged("list_NOUN_tags")["IsTruncated"] is False


def test_an_entity_has_fifty_tags_at_most(tagged: Tagged) -> None:
    tagged("tag_NOUN", Tags=pairs(**{f"k{number}": "v" for number in range(50)}))
    with refused("LimitExceeded", "maximum limit: 50"):
        tagged("tag_NOUN", Tags=pairs(more="v"))
    tagged("tag_NOUN", Tags=pairs(K7="new"))
    assert len(tagged("list_NOUN_tags")["Tags"]) == 50


def test_tags_that_are_none(tagged: Tagged) -> None:
    with refused("InvalidInput", "Duplicate tag keys found."):
        tagged("tag_NOUN", Tags=pairs(a="1", A="2"))
    with refused("InvalidInput", "begins with aws:"):
        tagged("tag_NOUN", Tags=[{"Key": "AWS:x", "Value": ""}])
    with refused("ValidationError", "tags"):
        tagged("tag_NOUN", Tags=[{"Key": "?", "Value": ""}])
    assert tagged("list_NOUN_tags")["Tags"] == []


def test_tags_of_what_is_not_there(iam: Any) -> None:
    for noun, (parameter, value, _) in KINDS.items():
        missing = {parameter: value.replace("it", "none")}
        with refused("NoSuchEntity", "none"):
            getattr(iam, f"tag_{noun}")(**missing, Tags=pairs(a="1"))
        with refused("NoSuchEntity", "none"):
            getattr(iam, f"untag_{noun}")(**missing, TagKeys=["a"])
        with refused("NoSuchEntity", "none"):
            getattr(iam, f"list_{noun}_tags")(**missing)
