"""Whether a text is a lifecycle policy.

Source: ECR User Guide, "Lifecycle policy properties in Amazon ECR" and "How lifecycle policy
evaluation works"; ECR API reference, PutLifecyclePolicy (lengths).
"""

from __future__ import annotations

from collections.abc import Sequence

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
    "tagStatus", "tagPatternList", "tagPrefixList", "storageClass",
    "countType", "countUnit", "countNumber",
)  # fmt: skip
_COUNTS = ("imageCountMoreThan", "sinceImagePushed", "sinceImagePulled", "sinceImageTransitioned")

Found = tuple[Node, int, str, str]
"""A rule: its node, priority, tag status and storage class."""


def check_lifecycle(text: str) -> None:
    """Raise PolicyInvalid, naming the place, unless the text is a lifecycle policy."""
    if not TEXT_MIN <= len(text) <= TEXT_MAX:
        raise PolicyInvalid(
            f"a lifecycle policy has {TEXT_MIN} to {TEXT_MAX} characters, this has {len(text)}"
        )
    checked(text, _policy)


def _policy(root: Node) -> None:
    rules = elements(members(root, ("rules",), ("rules",))["rules"], least=1)
    found = [_rule(rule) for rule in rules]
    _check_priorities(found)
    for storage in ("standard", "archive"):
        _check_order([rule for rule in found if rule[3] == storage], storage)


def _rule(node: Node) -> Found:
    needed = ("rulePriority", "selection", "action")
    found = members(node, ("rulePriority", "description", "selection", "action"), needed)
    if "description" in found:
        some_text(found["description"], TEXT)
    priority = whole(found["rulePriority"], 1)
    status, storage, count = _selection(found["selection"])
    _action(found["action"], storage, count)
    return node, priority, status, storage


def _selection(node: Node) -> tuple[str, str, str]:
    """Tag status, storage class and count type."""
    found = members(node, _SELECTION, ("tagStatus", "countType", "countNumber"))
    status = one_of(found["tagStatus"], "tagged", "untagged", "any")
    _tags(node, found, status)
    storage = "standard"
    if "storageClass" in found:
        storage = one_of(found["storageClass"], "standard", "archive")
    count = one_of(found["countType"], *_COUNTS)
    whole(found["countNumber"], 1)
    _unit(node, found, count)
    if (count == "sinceImageTransitioned") and storage != "archive":
        raise found["countType"].refused("sinceImageTransitioned needs storageClass archive")
    return status, storage, count


def _tags(node: Node, found: dict[str, Node], status: str) -> None:
    lists = [name for name in ("tagPatternList", "tagPrefixList") if name in found]
    if status != "tagged" and lists:
        raise found[lists[0]].refused(f"{lists[0]} goes with tagStatus tagged only")
    if status == "tagged" and len(lists) != 1:
        raise node.refused(
            "tagStatus tagged needs one of tagPatternList and tagPrefixList, and only one"
        )
    for name in lists:
        for tag in elements(found[name], least=1):
            text = some_text(tag, TEXT)
            if name == "tagPatternList" and text.count("*") > WILDCARDS:
                raise tag.refused(f"{shown(text)} has more than {WILDCARDS} wildcards (*)")


def _unit(node: Node, found: dict[str, Node], count: str) -> None:
    if count == "imageCountMoreThan":
        if "countUnit" in found:
            raise found["countUnit"].refused("countUnit does not go with imageCountMoreThan")
        return
    if "countUnit" not in found:
        raise node.refused(f"countType {count} needs countUnit days")
    one_of(found["countUnit"], "days")


def _action(node: Node, storage: str, count: str) -> None:
    found = members(node, ("type", "targetStorageClass"), ("type",))
    kind = one_of(found["type"], "expire", "transition")
    if kind == "expire":
        if "targetStorageClass" in found:
            raise found["targetStorageClass"].refused("targetStorageClass goes with transition")
        if count == "sinceImagePulled":
            raise found["type"].refused("sinceImagePulled goes with transition only")
        return
    if "targetStorageClass" not in found:
        raise node.refused("transition needs targetStorageClass archive")
    one_of(found["targetStorageClass"], "archive")
    if storage == "archive":
        raise found["type"].refused("what is in storageClass archive cannot move there")


def _check_priorities(rules: Sequence[Found]) -> None:
    seen: set[int] = set()
    for node, priority, _, _ in rules:
        if priority in seen:
            raise node.refused(f"rulePriority {priority} is that of another rule")
        seen.add(priority)


def _check_order(rules: Sequence[Found], storage: str) -> None:
    """The rules of one storage class: `any` last, and `untagged` once."""
    ordered = sorted(rules, key=lambda rule: rule[1])
    for node, _, status, _ in ordered[:-1]:
        if status == "any":
            raise node.refused(
                f"a rule with tagStatus any must have the highest rulePriority of all"
                f" rules for storage class {storage}"
            )
    untagged = [node for node, _, status, _ in ordered if status == "untagged"]
    if len(untagged) > 1:
        raise untagged[1].refused(
            f"another rule is for untagged images of storage class {storage} already"
        )
