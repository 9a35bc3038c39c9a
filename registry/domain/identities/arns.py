"""Unique ids and ARNs of IAM's entities.

Source: IAM User Guide, "IAM identifiers"; Service Authorization Reference, "Resource types
defined by AWS Identity and Access Management".
"""

from __future__ import annotations

import base64
import secrets

USER, GROUP, ROLE, PROFILE, POLICY, KEY, SESSION_KEY, ROBOT = (
    "AIDA", "AGPA", "AROA", "AIPA", "ANPA", "AKIA", "ASIA", "ARBT",
)  # fmt: skip
"""Prefixes of unique ids; that of robots is our own."""

AWS_MANAGED = "aws"
"""The account of the policies that AWS itself keeps."""

_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def unique_id(prefix: str) -> str:
    """An id that no entity ever had: a name used again is not the same entity."""
    return prefix + "".join(secrets.choice(_BASE32) for _ in range(17))


def iam_arn(account: str, kind: str, path: str, name: str) -> str:
    """ARN of a user, group, role, instance-profile or policy."""
    return f"arn:aws:iam::{account}:{kind}{path}{name}"


def session_arn(account: str, role: str, session: str) -> str:
    """ARN of a role's session."""
    return f"arn:aws:sts::{account}:assumed-role/{role}/{session}"


def session_key_id(account: str) -> str:
    """A new id of a temporary access key; it tells the account, as those of AWS do."""
    told = base64.b32encode(int(account).to_bytes(5, "big")).decode()
    return SESSION_KEY + told + "".join(secrets.choice(_BASE32) for _ in range(8))


def account_of_session_key(key_id: str) -> str | None:
    """The account that the id of a temporary access key tells."""
    try:
        number = int.from_bytes(base64.b32decode(key_id[4:12]), "big")
    except ValueError:
        return None
    if not key_id.startswith(SESSION_KEY) or number >= 10**12:
        return None
    return f"{number:012}"
