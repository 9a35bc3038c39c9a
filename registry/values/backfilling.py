"""Errors of replication backfills."""

from __future__ import annotations

from registry.values.errors import Conflict, NotFound


class BackfillNotFound(NotFound):
    """No replication backfill of that id in the registry."""


class BackfillRunning(Conflict):
    """A replication backfill to that region is in progress already."""


class BackfillEnded(Conflict):
    """A replication backfill that has ended cannot be stopped."""
