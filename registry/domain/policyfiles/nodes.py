"""What the checks of documents that are not IAM policies have in common."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

from registry.aws.policy import PolicyInvalid
from registry.aws.policy.reading import Node, Number, located, read
from registry.values.digest import shown

T = TypeVar("T")


def checked(text: str, check: Callable[[Node], T]) -> T:
    """What `check` makes of the document. Raises PolicyInvalid with line and column."""
    try:
        return check(read(text))
    except PolicyInvalid as error:
        raise located(error, text) from None


def members(node: Node, known: Collection[str], required: Collection[str] = ()) -> dict[str, Node]:
    """The members of an object. Raises PolicyInvalid for one unknown, or one missing."""
    found = node.members()
    for name, value in found.items():
        if name not in known:
            raise value.refused(f"{shown(name)} is not known here ({', '.join(known)})")
    for name in required:
        if name not in found:
            raise node.refused(f"{name} is missing")
    return found


def elements(node: Node, *, least: int = 0) -> list[Node]:
    """The elements of a list."""
    if not isinstance(node.value, list):
        raise node.refused("must be a list")
    if len(node.value) < least:
        raise node.refused("must not be empty")
    return node.each()


def whole(node: Node, least: int) -> int:
    """A whole number of at least `least`."""
    text = node.value if isinstance(node.value, Number) else ""
    # Bounded, as the schema bounds it: a count that is longer means nothing.
    if not text.isdigit() or len(text) > 9 or int(text) < least:
        raise node.refused(f"must be a whole number of at least {least}, of at most 9 digits")
    return int(text)


def boolean(node: Node) -> bool:
    """True or false."""
    if not isinstance(node.value, bool):
        raise node.refused("must be true or false")
    return node.value


def one_of(node: Node, *known: str) -> str:
    """One of the words."""
    text = node.text()
    if text not in known:
        raise node.refused(f"{shown(text)} is not one of {', '.join(known)}")
    return text


def some_text(node: Node, most: int) -> str:
    """A text that is not empty."""
    text = node.text()
    if not 1 <= len(text) <= most:
        raise node.refused(f"must have 1 to {most} characters, not {len(text)}")
    return text
