"""Whether a text is a gate: which images may not be pulled because of what a scan found.

The document is Moorage's own; `docs/gates.md` describes it.
"""

from __future__ import annotations

import re
from datetime import date

from registry.aws.policy import PolicyInvalid
from registry.aws.policy.reading import Node
from registry.domain.gates.keys import read_key
from registry.domain.policyfiles.nodes import (
    boolean,
    checked,
    elements,
    members,
    one_of,
    some_text,
    whole,
)
from registry.values.digest import shown

SEVERITIES = ("INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL")
TEXT_MAX = 131_072
GRACE_MAX = 3650
"""Days that a grace may have."""

KEYS_MAX = 10

_MEMBERS = (
    "description", "repositories", "severity", "fixableOnly", "unscanned", "unsigned",
    "signatureKeys",     "graceDays", "graceFrom", "dryRun", "exceptions",
)  # fmt: skip
_REFUSING = ("severity", "unscanned", "unsigned")
_PATTERN = re.compile(r"[a-z0-9*?._/-]{1,256}", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def check_gate(text: str) -> None:
    """Raise PolicyInvalid, naming the place, unless the text is a gate."""
    if len(text) > TEXT_MAX:
        raise PolicyInvalid(f"a gate has at most {TEXT_MAX} characters, this has {len(text)}")
    checked(text, _gate)


def _gate(root: Node) -> None:
    found = members(root, _MEMBERS, ("repositories",))
    if not any(name in found for name in _REFUSING):
        raise root.refused(f"refuses nothing: one of {', '.join(_REFUSING)} is needed")
    for pattern in elements(found["repositories"], least=1):
        if _PATTERN.fullmatch(pattern.text()) is None:
            raise pattern.refused(f"{shown(pattern.text())} is not a pattern of repository names")
    if "severity" in found:
        one_of(found["severity"], *SEVERITIES)
    for name in ("unscanned", "unsigned"):
        if name in found:
            one_of(found[name], "refuse", "allow")
    _options(found)


def _options(found: dict[str, Node]) -> None:
    if "description" in found:
        some_text(found["description"], 1000)
    if "graceDays" in found and whole(found["graceDays"], 0) > GRACE_MAX:
        raise found["graceDays"].refused(f"must be at most {GRACE_MAX} days")
    if "graceFrom" in found:
        one_of(found["graceFrom"], "finding", "push")
    for name in ("dryRun", "fixableOnly"):
        if name in found:
            boolean(found[name])
    if "fixableOnly" in found and "severity" not in found:
        raise found["fixableOnly"].refused("has no meaning without severity")
    if "signatureKeys" in found:
        _keys(found)
    for exception in elements(found["exceptions"]) if "exceptions" in found else []:
        _exception(exception)


def _keys(found: dict[str, Node]) -> None:
    if "unsigned" not in found:
        raise found["signatureKeys"].refused("has no meaning without unsigned")
    keys = elements(found["signatureKeys"], least=1)
    if len(keys) > KEYS_MAX:
        raise found["signatureKeys"].refused(f"must have at most {KEYS_MAX} elements")
    for each in keys:
        try:
            read_key(each.text())
        except ValueError as error:
            raise each.refused(str(error)) from None


def _exception(node: Node) -> None:
    names = ("vulnerability", "reason", "expires")
    found = members(node, names, names)
    some_text(found["vulnerability"], 128)
    some_text(found["reason"], 1000)
    text = found["expires"].text()
    try:
        if _DATE.fullmatch(text) is None:
            raise ValueError(text)
        date.fromisoformat(text)
    except ValueError:
        raise found["expires"].refused(f"{shown(text)} is not a date (YYYY-MM-DD)") from None
