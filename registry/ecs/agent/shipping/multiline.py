"""Which lines begin an event, where an event has several.

Source: Docker documentation, "Amazon CloudWatch Logs logging driver", `awslogs-datetime-format`
and `awslogs-multiline-pattern`.

Whoever registers a task definition writes the pattern, and nothing can stop a match that takes too
long: a pattern that repeats what repeats itself is refused, and a line's beginning alone is looked
at.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from re import _constants, _parser  # type: ignore[attr-defined]  # what reads patterns has no stubs
from typing import Any

Begins = Callable[[str], bool]

LOOKED_AT = 512
"""Characters of a line that a pattern sees."""
_REPEATS_MAX = 6
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT)
_FORMATS = {
    "%a": "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)",
    "%A": "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)",
    "%w": "[0-6]",
    "%d": "(?:0[1-9]|[12][0-9]|3[01])",
    "%b": "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)",
    "%B": (
        "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
    ),
    "%m": "(?:0[1-9]|1[0-2])",
    "%Y": r"\d{4}",
    "%y": r"\d{2}",
    "%H": "(?:[01][0-9]|2[0-3])",
    "%I": "(?:0[0-9]|1[0-2])",
    "%p": "[AP]M",
    "%M": "[0-5][0-9]",
    "%S": "[0-5][0-9]",
    "%f": r"\d{6}",
    "%z": r"[+-]\d{4}",
    "%Z": "[A-Z]{1,4}T",
    "%j": "(?:0[0-9][1-9]|[12][0-9][0-9]|3[0-5][0-9]|36[0-6])",
    "%L": r"\.\d{3}",
}


def by_pattern(pattern: str) -> Begins:
    """Lines in which a regular expression is found. Raises ValueError."""
    try:
        compiled = re.compile(pattern)
        repeats = _checked(_parser.parse(pattern), inside=False)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from None
    if repeats > _REPEATS_MAX:
        raise ValueError(f"more than {_REPEATS_MAX} repetitions")
    return lambda line: compiled.search(line[:LOOKED_AT]) is not None


def by_datetime(form: str) -> Begins:
    """Lines in which a time of this form, after strftime, is found. Raises ValueError."""
    parts = re.split(r"(%.)", form)
    return by_pattern("".join(_FORMATS.get(part, re.escape(part)) for part in parts))


def _checked(parsed: Any, *, inside: bool) -> int:
    """How many open repetitions there are. Raises ValueError for one within another."""
    count = 0
    for operator, argument in parsed:
        if operator in _REPEATS:
            least, most, repeated = argument
            if least != most and inside:
                raise ValueError("a repetition within a repetition")
            count += least != most
            count += _checked(repeated, inside=most > 1 or inside)
            continue
        for below in _below(argument):
            count += _checked(below, inside=inside)
    return count


def _below(argument: Any) -> list[Any]:
    """The patterns within an operator's argument."""
    found = []
    for each in argument if isinstance(argument, tuple | list) else [argument]:
        if isinstance(each, _parser.SubPattern):
            found.append(each)
        elif isinstance(each, tuple | list):
            found += _below(each)
    return found
