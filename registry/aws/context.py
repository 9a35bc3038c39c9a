"""Who asks, and from where: what every operation is given beside its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Caller:
    """The principal behind a verified signature."""

    arn: str
    """The principal's ARN, e.g. `arn:aws:iam::123456789012:user/ada`."""
    account: str
    """The twelve digits of its account."""
    user_id: str
    """Its unique id (`AIDA…`), as GetCallerIdentity's UserId gives it."""
    identity: object = field(default=None, repr=False)
    """Whatever the credentials' lookup attached; the AWS wire does not look inside."""


@dataclass(frozen=True, slots=True)
class Context:
    """One request, once its signature is verified."""

    caller: Caller
    account: str
    """The account the request is for: the caller's own."""
    region: str
    """The server's region."""
    request_id: str
    host: str
    """The Host header, e.g. `registry.example:5000`."""
    secure: bool
    """Whether the client came over TLS."""
    source_ip: str
    user_agent: str
    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The operation's input, for whoever decides about it."""
