"""Which of the three syntaxes a pattern is written in."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from registry.domain.logs.patterns.fields import fields_match
from registry.domain.logs.patterns.properties import properties_match
from registry.domain.logs.patterns.terms import terms_match

Matches = Callable[[str], bool]
"""Whether a message is meant."""


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Matches | None:
    """What a pattern asks of a message; None where it asks nothing. Raises PatternInvalid."""
    text = pattern.strip()
    if not text or text == '""':
        return None
    if text.startswith("{"):
        return properties_match(text)
    if text.startswith("["):
        return fields_match(text)
    return terms_match(text)
