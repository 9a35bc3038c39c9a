"""JSON text to values that know their place, so that each error can name it.

Source: RFC 8259; IAM User Guide, "Grammar of the IAM JSON policy language" (no key may
appear twice in an element).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from registry.values.digest import shown
from registry.values.errors import ParameterInvalid

Path = tuple[str | int, ...]

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)


class PolicyInvalid(ParameterInvalid):
    """A document that is not a policy: what is wrong, at which path, line and column.

    `line` and `column` count from 1 and are None where the document did not come as text.
    """

    def __init__(
        self, reason: str, path: Path = (), line: int | None = None, column: int | None = None
    ) -> None:
        self.reason, self.path, self.line, self.column = reason, path, line, column
        place = f"{written(path)}: " if path else ""
        position = f" (line {line}, column {column})" if line is not None else ""
        super().__init__(f"{place}{reason}{position}")


class Number(str):
    """A JSON number as it was written: exact, and without limits of size."""

    __slots__ = ()


class Object(dict[str, object]):
    """A JSON object that remembers a key written twice."""

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__(pairs)
        times = Counter(name for name, _ in pairs)
        self.repeated = next((name for name, count in times.items() if count > 1), None)


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the document and the path to it."""

    value: object
    path: Path = ()

    def refused(self, reason: str) -> PolicyInvalid:
        """The error to raise for this place."""
        return PolicyInvalid(reason, self.path)

    def text(self) -> str:
        """The value, which must be a string."""
        if not isinstance(self.value, str) or isinstance(self.value, Number):
            raise self.refused(f"must be a string, not {_kind(self.value)}")
        if any("\ud800" <= character <= "\udfff" for character in self.value):
            raise self.refused("must not hold half a surrogate pair")
        return self.value

    def scalar(self) -> str:
        """The value as text: a string, number or boolean."""
        if isinstance(self.value, bool):
            return str(self.value).lower()
        return str(self.value) if isinstance(self.value, Number) else self.text()

    def each(self) -> list[Node]:
        """The elements of a list, or the value itself where it is not one."""
        if not isinstance(self.value, list):
            return [self]
        return [Node(value, (*self.path, index)) for index, value in enumerate(self.value)]

    def some(self) -> list[Node]:
        """As `each`, of which there must be at least one."""
        nodes = self.each()
        if not nodes:
            raise self.refused("must not be empty")
        return nodes

    def members(self) -> dict[str, Node]:
        """The members of an object, none of them written twice."""
        if not isinstance(self.value, Object):
            raise self.refused(f"must be an object, not {_kind(self.value)}")
        if self.value.repeated is not None:
            raise self.refused(f"{shown(self.value.repeated)} appears more than once")
        return {name: Node(value, (*self.path, name)) for name, value in self.value.items()}


def read(text: str) -> Node:
    """The document's root. Raises PolicyInvalid with line and column where it is not JSON."""
    try:
        value = json.loads(
            text,
            object_pairs_hook=Object,
            parse_int=Number,
            parse_float=Number,
            parse_constant=_no_constant,
        )
    except json.JSONDecodeError as error:
        reason = f"not JSON: {error.msg}"
        raise PolicyInvalid(reason, line=error.lineno, column=error.colno) from None
    except RecursionError:
        raise PolicyInvalid("nested too deeply") from None
    return Node(value)


def located(error: PolicyInvalid, text: str) -> PolicyInvalid:
    """The same error, with line and column of its path in the text that `read` has read."""
    if error.line is not None:
        return error
    try:
        at = _offset(text, error.path)
    except RecursionError:  # deeper than this stack can follow: the path must do
        return error
    line = text.count("\n", 0, at) + 1
    return PolicyInvalid(error.reason, error.path, line, at - text.rfind("\n", 0, at))


def written(path: Path) -> str:
    """A path as people write it: `Statement[1].Effect`. Long names are cut."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part[:100]}" for part in path)
    return "".join(parts).removeprefix(".").encode("utf-8", "replace").decode()


def _offset(text: str, path: Path) -> int:
    """Where the value at a path begins; for one that is missing, its parent."""
    at = _after_space(text, 0)
    for part in path:
        child = next((begin for key, begin in _children(text, at) if key == part), None)
        if child is None:
            break
        at = child
    return at


def _children(text: str, at: int) -> Iterator[tuple[str | int, int]]:
    """Key or index, and place, of each value in the object or list that begins at `at`."""
    if text[at] not in "[{":
        return
    named, index, at = text[at] == "{", 0, _after_space(text, at + 1)
    while text[at] not in "]}":
        key: str | int = index
        if named:
            key, at = _DECODER.raw_decode(text, at)
            at = _after_space(text, _after_space(text, at) + 1)
        yield key, at
        at = _after_space(text, _DECODER.raw_decode(text, at)[1])
        if text[at] == ",":
            at = _after_space(text, at + 1)
        index += 1


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match is not None else at


def _no_constant(name: str) -> object:
    raise PolicyInvalid(f"not JSON: {name} is not a value")


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return "a number" if isinstance(value, Number) else "a string"
    return "a list" if isinstance(value, list) else "an object"
