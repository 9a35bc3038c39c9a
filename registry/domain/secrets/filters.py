"""Which secrets a listing is to show, and in which order.

Source: Secrets Manager User Guide, "Find secrets in AWS Secrets Manager": values of one filter
are alternatives, filters are all to hold, `!` negates; `all` and `description` look for words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registry.domain.secrets.rows import Secret

Test = Callable[["Secret"], bool]
_WORD = re.compile(r"[^\s/_+=.@!:-]+")
_NEVER = datetime.min.replace(tzinfo=UTC)
_TEXTS: dict[str, Callable[[Secret], list[str]]] = {
    "name": lambda each: [each.name],
    "description": lambda each: [each.description or ""],
    "tag-key": lambda each: list(each.tags),
    "tag-value": lambda each: list(each.tags.values()),
    "primary-region": lambda _each: [],
    "owning-service": lambda _each: [],
    "all": lambda each: [
        each.name,
        each.description or "",
        *each.tags,
        *each.tags.values(),
    ],
}
ORDERS: dict[str, Callable[[Secret], str | datetime]] = {
    "name": lambda each: each.name,
    "created-date": lambda each: each.created_at,
    "last-changed-date": lambda each: each.changed_at,
    "last-accessed-date": lambda each: each.accessed_at or _NEVER,
}


def wanted(filters: Sequence[Mapping[str, Any]]) -> Test:
    """Whether a secret passes all filters."""
    return lambda secret: all(_passes(secret, each["Key"], each["Values"]) for each in filters)


def _passes(secret: Secret, key: str, values: Sequence[str]) -> bool:
    texts = _TEXTS[key](secret)
    holds = _words if key in ("all", "description") else _begins
    plain = [value for value in values if not value.startswith("!")]
    negated = [value[1:] for value in values if value.startswith("!")]
    if any(holds(texts, value) for value in negated):
        return False
    return not plain or any(holds(texts, value) for value in plain)


def _begins(texts: Sequence[str], value: str) -> bool:
    return any(text.startswith(value) for text in texts)


def _words(texts: Sequence[str], value: str) -> bool:
    there = [word.lower() for text in texts for word in _WORD.findall(text)]
    asked = _WORD.findall(value.lower())
    return all(any(word.startswith(part) for word in there) for part in asked)
