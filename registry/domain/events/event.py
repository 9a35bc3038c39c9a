"""What an event says: the envelope of EventBridge, and ECR's kinds of it.

Source: ECR User Guide, "Amazon ECR events and EventBridge"; EventBridge User Guide, "Events".
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registry.values.scope import Scope

IMAGE = "ECR Image Action"
REFERRER = "ECR Referrer Action"
SCAN = "ECR Image Scan"
REPLICATION = "ECR Replication Action"
PULL_THROUGH = "ECR Pull Through Cache Action"
REPOSITORY = "ECR Repository Action"
"""Of our own: at AWS only CloudTrail tells of repositories."""
LIFECYCLE = "ECR Lifecycle Notice"
"""Of our own: what a lifecycle policy is about to take away."""
GATE = "ECR Gate Action"
"""Of our own: a pull that a gate refused, or would have."""

PUSH, DELETE, PULL = "PUSH", "DELETE", "PULL"
REFUSE, WOULD_REFUSE = "REFUSE", "WOULD_REFUSE"
ACTIONS = (
    *(PUSH, DELETE, PULL, "CREATE", "UPDATE_STORAGE_CLASS", "REPLICATE", "EXPIRE"),
    *(REFUSE, WOULD_REFUSE),
)

DETAIL_TYPES = (IMAGE, REFERRER, SCAN, REPLICATION, PULL_THROUGH, REPOSITORY, LIFECYCLE, GATE)


def new_id() -> str:
    """An id that no event has."""
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a repository, or to what is in it."""

    scope: Scope
    """The registry that tells of it."""
    repository: str
    detail_type: str
    detail: Mapping[str, Any]
    resources: tuple[str, ...] = ()
    at: datetime | None = None
    """When it happened; None: now."""
    id: str = field(default_factory=new_id)

    @property
    def action(self) -> str | None:
        """What was done, for the kinds that say so."""
        return self.detail.get("action-type")

    def body(self, now: datetime) -> str:
        """The event as JSON; `now` is when it happened, if it does not know."""
        envelope = {
            "version": "0",
            "id": self.id,
            "detail-type": self.detail_type,
            "source": "aws.ecr",
            "account": self.scope.account,
            "time": (self.at or now).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self.scope.region,
            "resources": list(self.resources),
            "detail": {"repository-name": self.repository, **self.detail},
        }
        return json.dumps(envelope, separators=(",", ":"))
