"""Policy documents before they are stored: of the right kind, and not too long.

Source: IAM User Guide, "IAM and AWS STS quotas" (characters are counted without white space)
and "IAM JSON policy elements reference".
"""

from __future__ import annotations

import json
import re

from registry.aws.policy import PolicyInvalid, PolicyKind, parse
from registry.domain.identities.entities import exceeded
from registry.values.errors import PolicyDocumentInvalid

MANAGED_LIMIT = 6144
TRUST_LIMIT = 4096
"""The default of AWS is 2048; this is how far it can be raised."""

_WHITE_SPACE = re.compile(r"\s+")


def size(text: str) -> int:
    """Characters that count."""
    return len(_WHITE_SPACE.sub("", text))


def check_identity(text: str) -> None:
    """Raise PolicyDocumentInvalid unless an identity can have the policy."""
    _parse(text, PolicyKind.IDENTITY)


def check_managed(text: str) -> None:
    """The same for a managed policy. Raises LimitExceeded for one that is too long."""
    if size(text) > MANAGED_LIMIT:
        raise exceeded("PolicySize", MANAGED_LIMIT)
    check_identity(text)


def check_trust(text: str) -> None:
    """Raise PolicyDocumentInvalid, LimitExceeded unless a role can be trusted so."""
    if size(text) > TRUST_LIMIT:
        raise exceeded("ACLSizePerRole", TRUST_LIMIT)
    _parse(text, PolicyKind.TRUST)
    statements = json.loads(text)["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        actions = statement.get("Action")
        for action in [actions] if isinstance(actions, str) else actions or [""]:
            if not action.lower().startswith("sts:"):
                raise PolicyDocumentInvalid("AssumeRole policy may only specify STS actions.")


def _parse(text: str, kind: PolicyKind) -> None:
    try:
        parse(text, kind)
    except PolicyInvalid as error:
        raise PolicyDocumentInvalid(str(error)) from None
