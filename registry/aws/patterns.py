r"""The models' patterns are Java regular expressions; here they become Python's.

AWS matches a pattern against the whole value (Java's `Matcher.matches`), and Java's `\w`,
`\d` and `\s` are ASCII. Two things Java reads and `re` does not occur in the models: the
Unicode categories `\p{L}`, `\p{N}`, `\p{Z}`, and a class such as `[\w-_]` with a dash
after an escape.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import lru_cache
from itertools import groupby

_CATEGORY = re.compile(r"\\p\{(L|M|N|P|S|Z|C)\}")
_DASH_AFTER_ESCAPE = re.compile(r"(\\[wdsWDS])-(?=[^\]])")

# Patterns that take exponential time on some values and hold the interpreter meanwhile,
# each with one that matches the same values in linear time. A test pumps every pattern of
# the models in use and fails on a new one.
_LINEAR = {
    r"^[a-z0-9*](?:[._\-/a-z0-9*]?[a-z0-9*]+)*$": r"[a-z0-9*]+(?:[._\-/][a-z0-9*]+)*",
}


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """A model's pattern for `fullmatch`. Raises re.error for what cannot be translated."""
    text = _LINEAR.get(pattern, pattern)
    text = _DASH_AFTER_ESCAPE.sub(r"\1\\-", text)
    text = _CATEGORY.sub(lambda match: _members(match.group(1)), text)
    return re.compile(text, re.ASCII)


def matches(pattern: str, value: str) -> bool:
    """Whether the whole value matches, as AWS asks for it."""
    return compiled(pattern).fullmatch(value) is not None


@lru_cache(maxsize=1)
def _ranges() -> dict[str, list[tuple[int, int]]]:
    """Code point ranges by major category; a tenth of a second, so only when asked for."""
    ranges: dict[str, list[tuple[int, int]]] = {}
    points = range(sys.maxunicode + 1)
    for major, run in groupby(points, key=lambda point: unicodedata.category(chr(point))[0]):
        found = list(run)
        ranges.setdefault(major, []).append((found[0], found[-1]))
    return ranges


def _members(major: str) -> str:
    """The inside of a character class that holds one major category."""
    return "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in _ranges()[major])
