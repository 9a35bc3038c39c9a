"""Which texts are lifecycle policies, and what their rules say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from registry.aws.policy import PolicyInvalid
from registry.domain.lifecycle.language import check_lifecycle, in_order, parse

LONG = "x" * 100


def rule(priority: int = 1, action: Any = None, **selection: Any) -> dict[str, Any]:
    chosen = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 30, **selection}
    return {
        "rulePriority": priority,
        "description": LONG,
        "selection": {name: value for name, value in chosen.items() if value is not None},
        "action": action or {"type": "expire"},
    }


def by_age(kind: str = "sinceImagePushed", **more: Any) -> dict[str, Any]:
    return {"countType": kind, "countUnit": "days", "countNumber": 14, **more}


RETAIN = {"type": "retain"}
ARCHIVE = {"type": "transition", "targetStorageClass": "archive"}


def policy(*rules: dict[str, Any]) -> str:
    return json.dumps({"rules": rules})


@pytest.mark.parametrize(
    "rules",
    [
        [rule()],
        [rule(1, tagStatus="untagged"), rule(2, tagStatus="tagged", tagPrefixList=["v"]), rule(3)],
        [rule(9), rule(3, tagStatus="tagged", tagPatternList=["*a*b*c*"])],
        [rule(**by_age())],
        [rule(1, ARCHIVE, **by_age("sinceImagePulled")), rule(2, tagStatus="tagged",
         tagPrefixList=["v"], **by_age("sinceImageTransitioned", storageClass="archive"))],
        [rule(1, tagStatus="untagged"), rule(2, tagStatus="untagged", storageClass="archive")],
        [rule(**by_age("sinceImagePulled"))],
        [rule(1, RETAIN), rule(2, RETAIN, tagStatus="untagged"), rule(3), rule(4, RETAIN)],
        [rule(tagExclusionPatternList=["keep-*"])],
    ],
)  # fmt: skip
def test_policies_of_the_language_pass(rules: list[dict[str, Any]]) -> None:
    check_lifecycle(policy(*rules))


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ([], "rules: must not be empty"),
        ([rule(1), rule(1)], "rules[1]: rulePriority 1 is that of another rule"),
        ([rule(1), rule(2, tagStatus="untagged")], "rules[0]: a rule with tagStatus any must have"),
        ([rule(1), rule(2)], "rules[0]: a rule with tagStatus any must have"),
        (
            [rule(1, tagStatus="untagged"), rule(2, tagStatus="untagged", storageClass="standard")],
            "rules[1]: another rule is for untagged images of storage class standard",
        ),
        ([rule(tagStatus="tagged")], "rules[0].selection: tagStatus tagged needs one of"),
        (
            [rule(tagStatus="tagged", tagPrefixList=["a"], tagPatternList=["b"])],
            "rules[0].selection: tagStatus tagged needs one of",
        ),
        ([rule(tagPrefixList=["a"])], "tagPrefixList goes with tagStatus tagged only"),
        ([rule(tagStatus="tagged", tagPrefixList=[])], "tagPrefixList: must not be empty"),
        (
            [rule(tagStatus="tagged", tagPatternList=["*****"])],
            "tagPatternList[0]: '*****' has more than 4 wildcards",
        ),
        ([rule(countUnit="days")], "countUnit does not go with imageCountMoreThan"),
        ([rule(**by_age(countUnit=None))], "countType sinceImagePushed needs countUnit days"),
        ([rule(**by_age(countUnit="weeks"))], "countUnit: 'weeks' is not one of days"),
        ([rule(countNumber=0)], "countNumber: must be a whole number of at least 1"),
        ([rule(countNumber="5")], "countNumber: must be a whole number of at least 1"),
        ([rule(countNumber=1.5)], "countNumber: must be a whole number of at least 1"),
        ([rule(0)], "rulePriority: must be a whole number of at least 1"),
        ([rule(countType="sometimes")], "countType: 'sometimes' is not one of"),
        ([rule(storageClass="glacier")], "storageClass: 'glacier' is not one of"),
        ([rule(1, {"type": "delete"})], "action.type: 'delete' is not one of"),
        ([rule(1, {"type": "transition"})], "action: transition needs targetStorageClass archive"),
        (
            [rule(1, {"type": "expire", "targetStorageClass": "archive"})],
            "targetStorageClass goes with transition",
        ),
        ([rule(1, ARCHIVE, storageClass="archive")], "what is in storageClass archive cannot"),
        (
            [rule(1, {"type": "retain", "targetStorageClass": "archive"})],
            "targetStorageClass goes with transition",
        ),
        (
            [rule(tagStatus="untagged", tagExclusionPatternList=["a"])],
            "tagExclusionPatternList: untagged images have no tag",
        ),
        ([rule(tagExclusionPatternList=["*****"])], "tagExclusionPatternList[0]: '*****' has more"),
        (
            [
                rule(1, tagStatus="tagged", tagPrefixList=["a", "b"]),
                rule(2, tagStatus="tagged", tagPrefixList=["b", "a"]),
            ],
            "rules[1]: another rule is for the same tags of storage class standard already",
        ),
        (
            [rule(**by_age("sinceImageTransitioned"))],
            "sinceImageTransitioned needs storageClass archive",
        ),
        ([{**rule(), "color": "red"}], "rules[0].color: 'color' is not known here"),
        ([{"rulePriority": 1, "description": LONG}], "rules[0]: selection is missing"),
    ],
)
def test_anything_else_is_refused_with_its_place(rules: list[dict[str, Any]], reason: str) -> None:
    text = policy(*rules)
    with pytest.raises(PolicyInvalid) as refused:
        check_lifecycle(text + " " * (100 - len(text)))
    assert reason in str(refused.value)
    assert (refused.value.line, bool(refused.value.column)) == (1, True)


@pytest.mark.parametrize("length", [99, 30_721])
def test_the_length_is_bounded(length: int) -> None:
    text = policy({**rule(), "description": "x"})
    with pytest.raises(PolicyInvalid, match="100 to 30720 characters"):
        check_lifecycle("{}".ljust(length) if length < 100 else text.ljust(length))


def test_both_bounds_are_inside() -> None:
    text = policy(rule())
    check_lifecycle(text.ljust(30_720))
    shortest = text.replace(LONG, "x")
    check_lifecycle(shortest.ljust(100))


def test_rules_come_in_the_order_of_their_priorities() -> None:
    text = policy(rule(9), rule(3, tagStatus="tagged", tagPatternList=["é*"]))
    first, second = parse(text)
    assert (first.priority, first.patterns, first.action) == (3, ("é*",), "expire")
    assert (second.priority, second.status, second.count_type, second.count_number) == (
        9, "any", "imageCountMoreThan", 30,
    )  # fmt: skip
    ordered = in_order(text)
    assert [each["rulePriority"] for each in json.loads(ordered)["rules"]] == [3, 9]
    assert parse(ordered) == parse(text)
    assert len(ordered) <= len(text)
    assert in_order(ordered) == ordered
    assert in_order(spaced := json.dumps(json.loads(ordered), indent=3)) == spaced
