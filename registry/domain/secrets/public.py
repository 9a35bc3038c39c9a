"""Whether a policy lets everybody in."""

from __future__ import annotations

import json
from typing import Any


def for_everybody(policy: str) -> bool:
    """Whether some statement allows every principal something, without any condition.

    The policy was parsed before.
    """
    statements = json.loads(policy).get("Statement", [])
    listed = statements if isinstance(statements, list) else [statements]
    return any(_open(each) for each in listed)


def _open(statement: dict[str, Any]) -> bool:
    if statement.get("Effect") != "Allow" or statement.get("Condition"):
        return False
    principal = statement.get("Principal")
    if isinstance(principal, dict):
        principal = principal.get("AWS")
    return "*" in (principal if isinstance(principal, list) else [principal])
