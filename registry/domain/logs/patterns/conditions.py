"""What the two syntaxes with conditions share: words, `&&`, `||`, brackets, comparisons."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from registry.domain.logs.errors import PatternInvalid

Test = Callable[[Any], bool]
"""Asked of what the condition's syntax has taken apart."""

OPERATORS = ("=", "!=", "<", "<=", ">", ">=")
_DEEPEST = 32
"""Brackets within brackets."""
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


class Word(NamedTuple):
    """One word of a pattern."""

    text: str
    quoted: bool = False


def words(text: str, grammar: re.Pattern[str]) -> list[Word]:
    """A pattern's words; the groups `quoted` and `word` of the grammar. Raises PatternInvalid."""
    found = []
    place = 0
    while place < len(text):
        match = grammar.match(text, place)
        if match is None or match.end() == place:
            raise PatternInvalid(
                f"Invalid filter pattern: it cannot be read from character {place + 1} on"
            )
        quoted, word = match["quoted"], match["word"]
        if quoted is not None:
            found.append(Word(re.sub(r"\\(.)", r"\1", quoted), quoted=True))
        elif word is not None:
            found.append(Word(word))
        place = match.end()
    return found


class Conditions:
    """Reads `a && (b || c)`; what a condition is, is said by `condition`.

    `&&` binds more tightly than `||`.
    """

    def __init__(self, given: Sequence[Word], condition: Callable[[Conditions], Test]) -> None:
        self._words = given
        self._place = 0
        self._condition = condition
        self._depth = 0

    def read(self) -> Test:
        """The whole. Raises PatternInvalid."""
        test = self._either()
        if self._place < len(self._words):
            raise PatternInvalid(f"Invalid filter pattern: {self.peek()!r} is not expected")
        return test

    def take(self) -> Word:
        """The next word. Raises PatternInvalid where there is none."""
        if self._place == len(self._words):
            raise PatternInvalid("Invalid filter pattern: it ends too early")
        self._place += 1
        return self._words[self._place - 1]

    def peek(self) -> str:
        """The next word; empty at the end and for a quoted one."""
        if self._place == len(self._words) or self._words[self._place].quoted:
            return ""
        return self._words[self._place].text

    def _either(self) -> Test:
        tests = [self._both()]
        while self.peek() == "||":
            self.take()
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda given: any(test(given) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self.peek() == "&&":
            self.take()
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda given: all(test(given) for test in tests)

    def _one(self) -> Test:
        if self.peek() != "(":
            return self._condition(self)
        self._depth += 1
        if self._depth > _DEEPEST:
            raise PatternInvalid("Invalid filter pattern: brackets are nested too deeply")
        self.take()
        test = self._either()
        if self.take().text != ")":
            raise PatternInvalid("Invalid filter pattern: a bracket is not closed")
        self._depth -= 1
        return test


@dataclass(frozen=True, slots=True)
class Comparison:
    """`= 4*`, `> 3`: an operator and what it compares with."""

    operator: str
    value: Word

    def __post_init__(self) -> None:
        """Raise PatternInvalid where the operator needs a number and has none."""
        if self.value.text.startswith("%") and not self.value.quoted:
            raise PatternInvalid(
                "Invalid filter pattern: regular expressions (%…%) are not offered by this server"
            )
        if self.operator not in ("=", "!=") and self._number is None:
            raise PatternInvalid(f"Invalid filter pattern: {self.operator} compares numbers")

    def holds(self, found: str | float) -> bool:
        """Whether it holds of a text or a number."""
        if self.operator in ("=", "!="):
            return self._equal(found) == (self.operator == "=")
        number = number_of(found) if isinstance(found, str) else found
        wanted = self._number
        if number is None or wanted is None:
            return False
        return {
            "<": number < wanted,
            "<=": number <= wanted,
            ">": number > wanted,
            ">=": number >= wanted,
        }[self.operator]

    @property
    def _number(self) -> float | None:
        return None if self.value.quoted else number_of(self.value.text)

    def _equal(self, found: str | float) -> bool:
        if not isinstance(found, str):
            return self._number == found
        number = self._number
        if number is not None and number_of(found) == number:
            return True
        return wild(self.value.text, found)


def number_of(text: str) -> float | None:
    """The number that a text is, if it is one."""
    return float(text) if _NUMBER.fullmatch(text) else None


def wild(pattern: str, text: str) -> bool:
    """Whether a text is as a pattern says, in which `*` stands for anything.

    In time proportional to the text's length for each star: a pattern comes from a client.
    """
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    if not text.startswith(first):
        return False
    place = len(first)
    for part in rest[:-1]:
        place = text.find(part, place)
        if place < 0:
            return False
        place += len(part)
    return len(text) - place >= len(rest[-1]) and text.endswith(rest[-1])
