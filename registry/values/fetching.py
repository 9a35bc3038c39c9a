"""Errors of what comes from other registries: rules, and the upstreams."""

from __future__ import annotations

from registry.values.errors import Conflict, NotFound, Refused, Unavailable


class RuleNotFound(NotFound):
    """No pull through cache rule of that prefix."""


class RuleExists(Conflict):
    """A pull through cache rule of that prefix exists already."""


class UpstreamDenied(Refused):
    """An upstream registry does not give what was asked for to the credentials of its rule."""


class UpstreamUnsupported(UpstreamDenied):
    """An upstream registry that no pull through cache rule may name."""


class UpstreamSecretLost(UpstreamDenied):
    """The credentials of a rule are not there any more, or cannot be read."""


class UpstreamFailed(Unavailable):
    """An upstream registry cannot be reached, fails, or answers what it must not."""


class UpstreamBusy(UpstreamFailed):
    """An upstream registry wants fewer requests."""
