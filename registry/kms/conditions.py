"""The condition keys of KMS, from an operation's input.

Source: KMS Developer Guide, "AWS KMS condition keys".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from registry.domain.grants import CONSTRAINTS, CONTEXT, CONTEXT_KEYS, GRANT, canonical

if TYPE_CHECKING:
    from registry.keys.ring import MasterKey

Found = dict[str, str | tuple[str, ...]]

_PLAIN = {
    "grantee_principal": "kms:granteeprincipal",
    "grantee_service_principal": "kms:granteeserviceprincipal",
    "retiring_principal": "kms:retiringprincipal",
    "retiring_service_principal": "kms:retiringserviceprincipal",
    "rotation_period_in_days": "kms:rotationperiodindays",
    "pending_window_in_days": "kms:schedulekeydeletionpendingwindowindays",
    "bypass_policy_lockout_safety_check": "kms:bypasspolicylockoutsafetycheck",
    "grant_id": GRANT,
}


def conditions(account: str, parameters: Mapping[str, Any], key: MasterKey | None) -> Found:
    """What policies may ask about a request for a key, or for none yet."""
    found: Found = {
        "kms:calleraccount": account,
        "kms:keyspec": "SYMMETRIC_DEFAULT",
        "kms:keyusage": "ENCRYPT_DECRYPT",
        "kms:keyorigin": "AWS_KMS",
        "kms:multiregion": "false",
    }
    for name, condition in _PLAIN.items():
        if (value := parameters.get(name)) is not None:
            found[condition] = str(value).lower() if isinstance(value, bool) else str(value)
    reference = parameters.get("key_id") or ""
    if "alias/" in reference:
        found["kms:requestalias"] = reference[reference.index("alias/") :]
    if key is not None and key.aliases:
        found["kms:resourcealiases"] = key.aliases
    found |= _of_tags(parameters) | of_context(parameters.get("encryption_context"))
    return found | (_of_grant(parameters) if "operations" in parameters else {})


def of_context(context: Mapping[str, str] | None) -> Found:
    """An encryption context. Names that differ by case alone are one condition key."""
    if not context:
        return {}
    found: Found = {CONTEXT_KEYS: tuple(sorted(context))}
    times = Counter(key.lower() for key in context)
    for name, number in times.items():
        values = tuple(value for key, value in context.items() if key.lower() == name)
        found[CONTEXT + name] = values[0] if number == 1 else values
    return found


def _of_tags(parameters: Mapping[str, Any]) -> Found:
    tags = {tag["TagKey"]: tag["TagValue"] for tag in parameters.get("tags") or ()}
    keys = parameters.get("tag_keys") or tuple(tags)
    found: Found = {f"aws:requesttag/{key.lower()}": value for key, value in tags.items()}
    return {**found, "aws:tagkeys": tuple(keys)} if keys else {}


def _of_grant(parameters: Mapping[str, Any]) -> Found:
    constraints = parameters.get("constraints") or {}
    found: Found = {
        "kms:grantoperations": tuple(parameters["operations"]),
        "kms:grantisforawsresource": "false",
        CONSTRAINTS: canonical(constraints),
    }
    for kind in ("EncryptionContextSubset", "EncryptionContextEquals"):
        if constraints.get(kind):
            found["kms:grantconstrainttype"] = kind
    return found
