"""What a VEX statement says of a finding.

Source: OpenVEX specification 0.2.0, "Status Labels" and "Status Justifications".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

NOT_AFFECTED, FIXED = "not_affected", "fixed"
AFFECTED, UNDER_INVESTIGATION = "affected", "under_investigation"
STATUSES = (NOT_AFFECTED, AFFECTED, FIXED, UNDER_INVESTIGATION)
SUPPRESSING = frozenset({NOT_AFFECTED, FIXED})
"""By these a finding counts for nothing."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One statement, as a finding bears it."""

    status: str
    """One of STATUSES."""
    justification: str
    """OpenVEX's label, as `vulnerable_code_not_present`; empty where there is none."""
    statement: str
    """In words."""
    author: str
    """As the document says."""
    at: datetime
    """When it was said."""
    document: str
    """What the document calls itself."""
    source: str
    """Where it is from: `the document 'NAME' of the repository`, `the referrer sha256:…`."""

    @property
    def suppresses(self) -> bool:
        """Whether the finding counts for nothing."""
        return self.status in SUPPRESSING

    @property
    def words(self) -> str:
        """Why, in one line."""
        label = self.justification.replace("_", " ")
        return ": ".join(filter(None, [label, self.statement])) or self.status.replace("_", " ")

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "status": self.status,
            "justification": self.justification,
            "statement": self.statement,
            "author": self.author,
            "statedAt": self.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "document": self.document,
            "source": self.source,
        }


def verdict_from(plain: Mapping[str, Any]) -> Verdict:
    """What `plain` wrote."""
    return Verdict(
        status=plain["status"],
        justification=plain["justification"],
        statement=plain["statement"],
        author=plain["author"],
        at=datetime.fromisoformat(plain["statedAt"]),
        document=plain["document"],
        source=plain["source"],
    )
