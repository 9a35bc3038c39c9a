"""Patterns of fields that spaces divide: `[ip, user, ..., status = 4* || status = 5*, bytes]`.

What is in quotation marks or square brackets is one field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from registry.domain.logs.errors import PatternInvalid
from registry.domain.logs.patterns.conditions import (
    OPERATORS,
    Comparison,
    Conditions,
    Test,
    words,
)

_WORDS = re.compile(
    r"""\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<word>
    &&|\|\||!=|<=|>=|[=<>(),]|\.\.\.|[^\s(),"=<>!&|]+)|$)""",
    re.VERBOSE,
)
_FIELD = re.compile(r'"([^"]*)"|\[([^\]]*)\]|(\S+)')
_REST = "..."
_FIELDS_MAX = 128


def fields_match(text: str) -> Callable[[str], bool]:
    """Raises PatternInvalid."""
    if not text.endswith("]"):
        raise PatternInvalid("Invalid filter pattern: a bracket is not closed")
    columns = _columns(text[1:-1].strip())
    if columns.count(None) > 1:
        raise PatternInvalid(f"Invalid filter pattern: there is one {_REST} at most")
    gap = columns.index(None) if None in columns else None
    before = [each for each in columns[:gap] if each is not None]
    after = [] if gap is None else [each for each in columns[gap + 1 :] if each is not None]

    def matches(message: str) -> bool:
        found = [next(filter(None, each.groups()), "") for each in _FIELD.finditer(message)]
        if len(found) < len(before) + len(after) or (gap is None and len(found) != len(before)):
            return False
        rest = found[len(found) - len(after) :]
        return _all(before, found) and _all(after, rest)

    return matches


def _all(tests: Sequence[Test], found: Sequence[str]) -> bool:
    return all(test(value) for test, value in zip(tests, found, strict=False))


def _columns(text: str) -> list[Test | None]:
    """A test for each field; None for those that may be any number."""
    columns: list[Test | None] = []
    given = words(text, _WORDS)
    while True:
        cut = next((i for i, each in enumerate(given) if each == (",", False)), len(given))
        column = given[:cut]
        if not column:
            raise PatternInvalid("Invalid filter pattern: a field has no name")
        if column == [(_REST, False)]:
            columns.append(None)
        elif len(column) == 1:
            columns.append(_anything)
        else:
            columns.append(Conditions(column, _condition).read())
        if cut == len(given):
            break
        given = given[cut + 1 :]
    if len(columns) > _FIELDS_MAX:
        raise PatternInvalid(f"Invalid filter pattern: more than {_FIELDS_MAX} fields")
    return columns


def _anything(_value: str) -> bool:
    return True


def _condition(given: Conditions) -> Test:
    given.take()  # the field's name, which says nothing
    operator = given.take().text
    if operator not in OPERATORS:
        raise PatternInvalid(f"Invalid filter pattern: {operator!r} is not an operator")
    return Comparison(operator, given.take()).holds
