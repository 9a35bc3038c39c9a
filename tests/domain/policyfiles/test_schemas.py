"""The JSON Schemas and the server's own checks agree, on examples and on what is made of them.

jsonschema is the independent judge. What a schema cannot say, its description names.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types

from registry.aws.policy import PolicyInvalid
from registry.domain.lifecycle.language import TEXT_MIN
from registry.domain.policyfiles.attachments import read_attachments
from registry.domain.policyfiles.documents import CHECKS
from tests.domain.policyfiles.world import EXAMPLES

SCHEMAS = EXAMPLES.parent / "schemas"
KINDS = [*CHECKS, "attachments"]
JUNK: list[Any] = [None, True, 7, -1, "", "junk", "*", [], {}, ["*"], [7], {"junk": "junk"}]

# Rich seeds, so that a change can hit every element that a schema knows.
SEEDS: dict[str, list[Any]] = {
    "identity": [
        {"Id": "x", "Statement": {"Sid": "A", "Effect": "Deny", "NotAction": ["ecr:*"],
         "NotResource": "*", "Condition": {"ForAnyValue:StringLikeIfExists": {"a:b": ["x", 1]},
         "Null": {"a:b": "true"}}}},
    ],
    "repository": [
        {"Statement": [{"Effect": "Deny", "NotPrincipal": {"AWS": ["123456789012", "*"]},
         "Action": "*", "Resource": "*"}]},
    ],
    "lifecycle": [
        {"rules": [{"rulePriority": 1, "selection": {"tagStatus": "tagged",
         "tagPatternList": ["a*"], "countType": "sinceImagePulled", "countUnit": "days",
         "countNumber": 3, "storageClass": "standard"},
         "action": {"type": "transition", "targetStorageClass": "archive"}}]},
        {"rules": [{"rulePriority": 1, "selection": {"tagStatus": "tagged",
         "tagPrefixList": ["a"], "countType": "sinceImageTransitioned", "countUnit": "days",
         "countNumber": 3, "storageClass": "archive"}, "action": {"type": "expire"}}]},
    ],
}  # fmt: skip


def schema(kind: str) -> Draft202012Validator:
    text = json.loads((SCHEMAS / f"{kind}.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(text)
    return Draft202012Validator(text)


def seeds(kind: str) -> list[Any]:
    found = [EXAMPLES / "attachments.json"] if kind == "attachments" else []
    found += sorted((EXAMPLES / kind).rglob("*.json"))
    return [json.loads(path.read_text("utf-8")) for path in found] + SEEDS.get(kind, [])


def refusal(kind: str, value: Any) -> str | None:
    """Why our own check refuses the document."""
    text = json.dumps(value)
    try:
        if kind == "attachments":
            read_attachments(text, Path("attachments.json"))
        else:
            CHECKS[kind](text.ljust(TEXT_MIN) if kind == "lifecycle" else text)
    except PolicyInvalid as error:
        return str(error)
    return None


BEYOND = (
    "is not a principal of type", "is not *, an account id", "is neither true nor false",
    "is that of another rule", "must have the highest rulePriority", "another rule is for",
    "is not a date", "this server has no policy",
)  # fmt: skip
"""What only our own checks say, as the schemas' descriptions tell."""


def check_agreement(kind: str, judge: Draft202012Validator, value: Any) -> None:
    reason = refusal(kind, value)
    fits = judge.is_valid(value)
    beyond = reason is not None and any(part in reason for part in BEYOND)
    assert fits == (reason is None) or (fits and beyond), (reason, value)


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places(inner, (*path, name))
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*path, index))


def changed(value: Any, path: tuple[str | int, ...], change: Any) -> Any:
    """A copy in which `change` is made to what holds the place."""
    result = copy.deepcopy(value)
    holder = result
    for part in path[:-1]:
        holder = holder[part]
    change(holder, path[-1])
    return result


@pytest.mark.parametrize("kind", KINDS)
def test_every_seed_is_valid_to_both(kind: str) -> None:
    found = seeds(kind)
    assert found
    for value in found:
        assert refusal(kind, value) is None
        schema(kind).validate(value)


@pytest.mark.parametrize("kind", KINDS)
def test_one_change_anywhere_is_judged_alike(kind: str) -> None:
    judge, count = schema(kind), 0
    for value in seeds(kind):
        for path in places(value):
            for junk in JUNK:
                other = junk if not path else changed(value, path, _setter(junk))
                check_agreement(kind, judge, other)
                count += 1
            if path and isinstance(path[-1], str):
                check_agreement(kind, judge, changed(value, path, _remove))
                check_agreement(kind, judge, changed(value, path, _rename))
    assert count > 30


@pytest.mark.parametrize("kind", KINDS)
def test_several_changes_are_judged_alike(kind: str) -> None:
    judge, known = schema(kind), seeds(kind)

    @settings(max_examples=60, deadline=None)
    @given(st.sampled_from(known), st.data())
    def run(value: Any, data: st.DataObject) -> None:
        for _ in range(data.draw(st.integers(2, 3))):
            path = data.draw(st.sampled_from([each for each in places(value) if each] or [()]))
            if path:
                words = [leaf for seed in known for leaf in leaves(seed)]
                value = changed(value, path, _setter(data.draw(st.sampled_from(words))))
        check_agreement(kind, judge, value)

    run()


def leaves(value: Any) -> list[Any]:
    """The texts and numbers that stand in a document."""
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in leaves(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner)]
    return [value]


def _setter(value: Any) -> Any:
    def change(holder: Any, part: Any) -> None:
        holder[part] = copy.deepcopy(value)

    return change


def _remove(holder: Any, part: Any) -> None:
    del holder[part]


def _rename(holder: Any, part: Any) -> None:
    holder[f"{part}X"] = holder.pop(part)
