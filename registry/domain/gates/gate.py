"""One gate, read from its document (`docs/gates.md` describes it)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from registry.aws.policy import PolicyInvalid
from registry.domain.gates.keys import PublicKey, read_key
from registry.domain.policyfiles.gate import check_gate
from registry.domain.scanning.states import SEVERITIES
from registry.values.errors import PolicyDocumentInvalid

REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Allowed:
    """A vulnerability that counts as none for a while."""

    vulnerability: str
    reason: str
    until: datetime
    """The end of its last day, UTC."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What refuses pulls."""

    name: str
    patterns: tuple[str, ...]
    severities: frozenset[str]
    """Those of findings that refuse; none where findings do not matter."""
    severity: str
    fixable_only: bool
    unscanned: bool
    unsigned: bool
    keys: tuple[PublicKey, ...]
    """With one of these a signature must verify; none: that there is one is enough."""
    grace: timedelta
    from_push: bool
    """Whether the grace counts from the image's push, and for everything."""
    dry_run: bool
    allowed: tuple[Allowed, ...]

    def concerns(self, repository: str) -> bool:
        """Whether it stands before a repository of that name."""
        return any(_matches(pattern, repository) for pattern in self.patterns)

    def waived(self, vulnerability: str, moment: datetime) -> bool:
        """Whether an exception covers the vulnerability then."""
        return any(
            each.vulnerability == vulnerability and moment < each.until for each in self.allowed
        )


def read_gate(name: str, text: str) -> Gate:
    """The gate in a document. Raises PolicyDocumentInvalid, naming the place."""
    try:
        check_gate(text)
    except PolicyInvalid as error:
        raise PolicyDocumentInvalid(f"the gate is invalid: {error}") from None
    given = json.loads(text)
    severity = given.get("severity", "")
    worst = SEVERITIES.index(severity) + 1 if severity else 0
    return Gate(
        name=name,
        patterns=tuple(given["repositories"]),
        severities=frozenset(SEVERITIES[:worst]),
        severity=severity,
        fixable_only=given.get("fixableOnly", False),
        unscanned=given.get("unscanned") == REFUSE,
        unsigned=given.get("unsigned") == REFUSE,
        keys=tuple(read_key(pem) for pem in given.get("signatureKeys", ())),
        grace=timedelta(days=given.get("graceDays", 0)),
        from_push=given.get("graceFrom") == "push",
        dry_run=given.get("dryRun", False),
        allowed=tuple(_allowed(each) for each in given.get("exceptions", ())),
    )


def _allowed(given: dict[str, str]) -> Allowed:
    last = date.fromisoformat(given["expires"])
    if last == date.max:
        until = datetime.max.replace(tzinfo=UTC)
    else:
        until = datetime.combine(last + timedelta(days=1), time(), UTC)
    return Allowed(given["vulnerability"], given["reason"], until)


def _matches(pattern: str, name: str) -> bool:
    parts = re.split(r"([*?])", pattern)
    signs = {"*": ".*", "?": "."}
    return (
        re.fullmatch("".join(signs.get(each, re.escape(each)) for each in parts), name) is not None
    )
