"""Patterns of terms: `ERROR "not found" -expected`, or `?WARN ?ERROR`.

A term is found wherever it stands in the message, in the case that it is written in. All terms
must be there and no `-term`; of `?terms` one must. `?` counts only where there is no other kind
of term, as the User Guide says.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from registry.domain.logs.errors import PatternInvalid

_TERM = re.compile(r'\s*([-?]?)(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))', re.DOTALL)
_PLAIN = re.compile(r"\w+")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def terms_match(text: str) -> Callable[[str], bool]:
    """Raises PatternInvalid."""
    needed, unwanted, optional = _terms(text)
    if optional and not needed and not unwanted:
        return lambda message: any(term in message for term in optional)
    return lambda message: (
        all(term in message for term in needed) and not any(term in message for term in unwanted)
    )


def _terms(text: str) -> tuple[list[str], list[str], list[str]]:
    needed: list[str] = []
    unwanted: list[str] = []
    optional: list[str] = []
    place = 0
    while place < len(text.rstrip()):
        match = _TERM.match(text, place)
        if match is None:
            raise PatternInvalid("Invalid filter pattern: a quotation mark is not closed")
        sign, quoted, plain = match.groups()
        kind = {"": needed, "-": unwanted, "?": optional}[sign]
        kind.append(_plain(plain) if quoted is None else _ESCAPED.sub(r"\1", quoted))
        place = match.end()
    return needed, unwanted, optional


def _plain(term: str) -> str:
    if term.startswith("%"):
        raise PatternInvalid(
            "Invalid filter pattern: regular expressions (%…%) are not offered by this server"
        )
    if _PLAIN.fullmatch(term) is None:
        raise PatternInvalid(f"Invalid character(s) in term '{term}'")
    return term
