"""Rules for tests."""

from __future__ import annotations

from datetime import UTC, datetime

from registry.domain.upstreams.rules import Rule

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def rule(prefix: str = "hub", upstream: str = "ROOT", url: str = "ghcr.io") -> Rule:
    """A rule with that prefix here and that prefix there."""
    return Rule(prefix, url, None, None, None, upstream, NOW, NOW)
