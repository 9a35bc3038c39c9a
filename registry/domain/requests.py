"""A request on the AWS wire, as the domain decides about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from registry.domain.access import Circumstances
from registry.domain.audit_events import shown
from registry.domain.identities.identity import Proven

if TYPE_CHECKING:
    from registry.aws.context import Context
    from registry.domain.access import Value
    from registry.domain.identities.identity import Identity


def proven_of(context: Context) -> Proven:
    """Who signed the request, and with what."""
    proven = context.caller.identity
    assert isinstance(proven, Proven)  # noqa: S101 - what the lookup of keys attaches
    return proven


def identity_of(context: Context) -> Identity:
    """Who signed the request."""
    return proven_of(context).identity


def circumstances_of(context: Context, conditions: Mapping[str, Value]) -> Circumstances:
    """What conditions may ask about the request; `conditions` are those of its operation."""
    return Circumstances(
        source_ip=context.source_ip,
        secure=context.secure,
        user_agent=context.user_agent,
        more=conditions,
        request_id=context.request_id,
        access_key_id=proven_of(context).credential.access_key_id,
        parameters=shown(context.parameters),
    )
