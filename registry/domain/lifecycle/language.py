"""The language of lifecycle policies: a text to rules, or the place where it goes wrong.

Beyond ECR's language, each only where a policy asks for it: `expire` by `sinceImagePulled`,
`tagExclusionPatternList`, and the action `retain`.

Source: ECR User Guide, "Lifecycle policy properties in Amazon ECR" and "How lifecycle policy
evaluation works"; ECR API reference, PutLifecyclePolicy (lengths).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from registry.aws.policy import PolicyInvalid
from registry.aws.policy.reading import Node
from registry.domain.policyfiles.nodes import (
    checked,
    elements,
    members,
    one_of,
    some_text,
    whole,
)
from registry.values.digest import shown

TEXT_MIN, TEXT_MAX = 100, 30_720
WILDCARDS = 4
TEXT = 1024
"""Characters of a description, a prefix or a pattern, at most."""

_SELECTION = (
    "tagStatus", "tagPatternList", "tagPrefixList", "tagExclusionPatternList", "storageClass",
    "countType", "countUnit", "countNumber",
)  # fmt: skip
_COUNTS = ("imageCountMoreThan", "sinceImagePushed", "sinceImagePulled", "sinceImageTransitioned")


class Rule(NamedTuple):
    """One rule; words are the language's own."""

    priority: int
    action: str
    """expire, transition or retain."""
    status: str
    storage: str
    count_type: str
    count_number: int
    """Images, or days."""
    prefixes: tuple[str, ...]
    patterns: tuple[str, ...]
    exclusions: tuple[str, ...]

    @property
    def tags(self) -> tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """What it says about tags, in whatever order it lists them."""
        listed = (self.prefixes, self.patterns, self.exclusions)
        prefixes, patterns, exclusions = (tuple(sorted(set(each))) for each in listed)
        return self.status, prefixes, patterns, exclusions


def parse(text: str) -> tuple[Rule, ...]:
    """The rules in the order of their priorities. Raises PolicyInvalid, naming the place."""
    if not TEXT_MIN <= len(text) <= TEXT_MAX:
        raise PolicyInvalid(
            f"a lifecycle policy has {TEXT_MIN} to {TEXT_MAX} characters, this has {len(text)}"
        )
    return checked(text, _policy)


def check_lifecycle(text: str) -> None:
    """Raise PolicyInvalid, naming the place, unless the text is a lifecycle policy."""
    parse(text)


def in_order(text: str) -> str:
    """A valid policy's text with its rules in the order of their priorities.

    Exactly the text itself where that is their order.
    """
    document = json.loads(text)
    rules = sorted(document["rules"], key=lambda rule: int(rule["rulePriority"]))
    if rules == document["rules"]:
        return text
    # Never longer than it came, but a policy has a least length too.
    ordered = json.dumps({"rules": rules}, separators=(",", ":"), ensure_ascii=False)
    return ordered.ljust(TEXT_MIN)


def _policy(root: Node) -> tuple[Rule, ...]:
    nodes = elements(members(root, ("rules",), ("rules",))["rules"], least=1)
    found = [(node, _rule(node)) for node in nodes]
    _check_priorities(found)
    acting = [(node, rule) for node, rule in found if rule.action != "retain"]
    for storage in ("standard", "archive"):
        _check_order([each for each in acting if each[1].storage == storage], storage)
    return tuple(sorted(rule for _, rule in found))


def _rule(node: Node) -> Rule:
    needed = ("rulePriority", "selection", "action")
    found = members(node, ("rulePriority", "description", "selection", "action"), needed)
    if "description" in found:
        some_text(found["description"], TEXT)
    priority = whole(found["rulePriority"], 1)
    rule = _selection(found["selection"], priority)
    return rule._replace(action=_action(found["action"], rule.storage))


def _selection(node: Node, priority: int) -> Rule:
    found = members(node, _SELECTION, ("tagStatus", "countType", "countNumber"))
    status = one_of(found["tagStatus"], "tagged", "untagged", "any")
    _check_tags(node, found, status)
    storage = "standard"
    if "storageClass" in found:
        storage = one_of(found["storageClass"], "standard", "archive")
    count = one_of(found["countType"], *_COUNTS)
    number = whole(found["countNumber"], 1)
    _check_unit(node, found, count)
    if (count == "sinceImageTransitioned") and storage != "archive":
        raise found["countType"].refused("sinceImageTransitioned needs storageClass archive")
    return Rule(
        priority,
        "",
        status,
        storage,
        count,
        number,
        _texts(found, "tagPrefixList"),
        _patterns(found, "tagPatternList"),
        _patterns(found, "tagExclusionPatternList"),
    )


def _check_tags(node: Node, found: dict[str, Node], status: str) -> None:
    lists = [name for name in ("tagPatternList", "tagPrefixList") if name in found]
    if status != "tagged" and lists:
        raise found[lists[0]].refused(f"{lists[0]} goes with tagStatus tagged only")
    if status == "untagged" and "tagExclusionPatternList" in found:
        raise found["tagExclusionPatternList"].refused("untagged images have no tag to exclude")
    if status == "tagged" and len(lists) != 1:
        raise node.refused(
            "tagStatus tagged needs one of tagPatternList and tagPrefixList, and only one"
        )


def _patterns(found: dict[str, Node], name: str) -> tuple[str, ...]:
    texts = _texts(found, name)
    for node, text in zip(elements(found[name]) if name in found else (), texts, strict=True):
        if text.count("*") > WILDCARDS:
            raise node.refused(f"{shown(text)} has more than {WILDCARDS} wildcards (*)")
    return texts


def _texts(found: dict[str, Node], name: str) -> tuple[str, ...]:
    if name not in found:
        return ()
    return tuple(some_text(each, TEXT) for each in elements(found[name], least=1))


def _check_unit(node: Node, found: dict[str, Node], count: str) -> None:
    if count == "imageCountMoreThan":
        if "countUnit" in found:
            raise found["countUnit"].refused("countUnit does not go with imageCountMoreThan")
        return
    if "countUnit" not in found:
        raise node.refused(f"countType {count} needs countUnit days")
    one_of(found["countUnit"], "days")


def _action(node: Node, storage: str) -> str:
    found = members(node, ("type", "targetStorageClass"), ("type",))
    kind = one_of(found["type"], "expire", "transition", "retain")
    if kind != "transition":
        if "targetStorageClass" in found:
            raise found["targetStorageClass"].refused("targetStorageClass goes with transition")
        return kind
    if "targetStorageClass" not in found:
        raise node.refused("transition needs targetStorageClass archive")
    one_of(found["targetStorageClass"], "archive")
    if storage == "archive":
        raise found["type"].refused("what is in storageClass archive cannot move there")
    return kind


def _check_priorities(rules: Sequence[tuple[Node, Rule]]) -> None:
    seen: set[int] = set()
    for node, rule in rules:
        if rule.priority in seen:
            raise node.refused(f"rulePriority {rule.priority} is that of another rule")
        seen.add(rule.priority)


def _check_order(rules: Sequence[tuple[Node, Rule]], storage: str) -> None:
    """The acting rules of one storage class: `any` last, and each set of tags once."""
    ordered = sorted(rules, key=lambda each: each[1].priority)
    for node, rule in ordered[:-1]:
        if rule.status == "any":
            raise node.refused(
                f"a rule with tagStatus any must have the highest rulePriority of all"
                f" rules for storage class {storage}"
            )
    seen = set()
    for node, rule in ordered:
        if rule.tags in seen:
            what = "untagged images" if rule.status == "untagged" else "the same tags"
            raise node.refused(f"another rule is for {what} of storage class {storage} already")
        seen.add(rule.tags)
