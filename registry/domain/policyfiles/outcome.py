"""What applying a directory did, or would do."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Literal

from registry.domain.policyfiles.problems import Problem


@dataclass(frozen=True, slots=True)
class Change:
    """One policy or attachment that came (+), changed (~) or went (-)."""

    sign: Literal["+", "~", "-"]
    what: str
    before: str = ""
    after: str = ""
    """Documents as JSON text; both are empty for an attachment."""


@dataclass(slots=True)
class Outcome:
    """Changes in the order in which they were made, and what is not in force."""

    changes: list[Change] = field(default_factory=list)
    waiting: list[Problem] = field(default_factory=list)
    """Files about something that does not exist yet."""
    kept: list[str] = field(default_factory=list)
    """Made from files that are gone, and left in place."""


def same(one: str, other: str) -> bool:
    """Whether two JSON texts say the same, however they are laid out."""
    return bool(json.loads(one) == json.loads(other))
