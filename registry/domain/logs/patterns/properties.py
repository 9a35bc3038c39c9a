"""Patterns of JSON properties: `{ $.level = "error" && ($.n > 3 || $.user.name = a*) }`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

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
    \$(?:\.[\w-]+|\.?\[(?:\d+|\*|'[^']*'|"[^"]*")\])*   # $.a.b[0]['c']
    |&&|\|\||!=|<=|>=|[=<>()]
    |[^\s()"=<>!&|]+
    )|$)""",
    re.VERBOSE,
)
_STEP = re.compile(r"""\.?\[(\d+)\]|\.?\[['"]([^'"]*)['"]\]|\.([\w-]+)|(\[\*\])""")
_CONSTANTS = {"TRUE": True, "FALSE": False, "NULL": None}
_ABSENT = object()

Step = str | int


def properties_match(text: str) -> Callable[[str], bool]:
    """Raises PatternInvalid."""
    if not text.endswith("}"):
        raise PatternInvalid("Invalid filter pattern: a bracket is not closed")
    test = Conditions(words(text[1:-1].strip(), _WORDS), _condition).read()

    def matches(message: str) -> bool:
        try:
            document = json.loads(message)
        except (ValueError, RecursionError):
            return False
        return isinstance(document, dict | list) and test(document)

    return matches


def _condition(given: Conditions) -> Test:
    path = _path(given.take().text)
    operator = given.take().text.upper()
    if operator == "EXISTS":
        return lambda document: _at(document, path) is not _ABSENT
    if operator == "NOT":
        if given.take().text.upper() != "EXISTS":
            raise PatternInvalid("Invalid filter pattern: NOT is followed by EXISTS")
        return lambda document: _at(document, path) is _ABSENT
    if operator == "IS":
        constant = given.take().text.upper()
        if constant not in _CONSTANTS:
            raise PatternInvalid("Invalid filter pattern: IS is followed by TRUE, FALSE or NULL")
        return lambda document: _at(document, path) is _CONSTANTS[constant]
    if operator not in OPERATORS:
        raise PatternInvalid(f"Invalid filter pattern: {operator!r} is not an operator")
    comparison = Comparison(operator, given.take())
    return lambda document: _compared(_at(document, path), comparison)


def _path(selector: str) -> Sequence[Step]:
    if not selector.startswith("$"):
        raise PatternInvalid("Invalid filter pattern: a property selector begins with $.")
    steps: list[Step] = []
    for match in _STEP.finditer(selector[1:]):
        index, quoted, name, every = match.groups()
        if every is not None:
            raise PatternInvalid("Invalid filter pattern: [*] is not offered by this server")
        steps.append(int(index) if index is not None else quoted if name is None else name)
    if not steps:
        raise PatternInvalid("Invalid filter pattern: a property selector begins with $.")
    return steps


def _at(document: Any, path: Sequence[Step]) -> Any:
    for step in path:
        if isinstance(step, int):
            if not isinstance(document, list) or step >= len(document):
                return _ABSENT
            document = document[step]
        elif isinstance(document, dict) and step in document:
            document = document[step]
        else:
            return _ABSENT
    return document


def _compared(found: Any, comparison: Comparison) -> bool:
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return False
    return comparison.holds(found)
