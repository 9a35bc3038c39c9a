"""What a caller of AssumeRole limits the session by: session policies; and its tags.

Source: STS API reference, AssumeRole (Policy, PolicyArns, Tags, PackedPolicySize); IAM User
Guide, "IAM and AWS STS quotas", "Things to know about session tags".
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.aws.errors import Fault, RequestError, ServiceError
from registry.aws.policy import PolicyInvalid, PolicyKind, parse
from registry.domain.identities.arns import AWS_MANAGED
from registry.domain.identities.directory import NOTHING
from registry.domain.identities.identity import Document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_sts.type_defs import TagTypeDef

    from registry.domain.identities.directory import Directory

PLAIN_MAX = 2048
"""Characters of policy and ARNs."""
PACKED_MAX = 4096
"""Bytes of policy, ARNs and tags, compressed; AWS does not tell its own limit."""
ARNS_MAX = 10
INLINE = "session policy"


@dataclass(frozen=True, slots=True)
class Limits:
    """Session policies and tags, checked."""

    inline: tuple[Document, ...]
    arns: tuple[str, ...]
    tags: tuple[tuple[str, str], ...]

    @property
    def percent(self) -> int:
        """Of the packed size that is allowed."""
        told = [[document.text for document in self.inline], self.arns, self.tags]
        size = len(zlib.compress(json.dumps(told).encode()))
        return -(-100 * size // PACKED_MAX)


def session_limits(
    directory: Directory,
    account: str,
    policy: str | None,
    arns: Sequence[str],
    tags: Sequence[TagTypeDef],
) -> Limits:
    """The limits. Raises RequestError (INVALID), ServiceError (MalformedPolicyDocument,
    PackedPolicyTooLarge).
    """
    _check_arns(directory, account, arns)
    if len(policy or "") + sum(map(len, arns)) > PLAIN_MAX:
        raise _invalid(f"Policy and PolicyArns have more than {PLAIN_MAX} characters together.")
    inline = () if policy is None else (_inline(policy),)
    limits = Limits(inline, tuple(arns), _tags(tags))
    if limits.percent > 100:
        raise ServiceError(
            "PackedPolicyTooLarge",
            f"Packed policy consumes {limits.percent}% of allotted space, please use smaller"
            " policy.",
        )
    return limits


def _inline(text: str) -> Document:
    try:
        parse(text, PolicyKind.SESSION)
    except PolicyInvalid as error:
        raise ServiceError("MalformedPolicyDocument", str(error)) from None
    return Document(INLINE, text)


def _check_arns(directory: Directory, account: str, arns: Sequence[str]) -> None:
    if len(arns) > ARNS_MAX:
        raise _invalid(f"PolicyArns has {len(arns)} members; {ARNS_MAX} are allowed.")
    for arn in arns:
        if not arn.startswith(tuple(f"arn:aws:iam::{a}:policy/" for a in (account, AWS_MANAGED))):
            raise _invalid(f"{arn} is not a managed policy of account {account}, nor one of AWS.")
    missing = [each.name for each in directory.documents(arns) if each.text == NOTHING]
    if missing:
        raise _invalid(f"Policy {missing[0]} does not exist or is not attachable.")


def _tags(tags: Sequence[TagTypeDef]) -> tuple[tuple[str, str], ...]:
    names = [tag["Key"].lower() for tag in tags]
    if len(set(names)) != len(names):
        raise _invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    if any(name.startswith("aws:") for name in names):
        raise _invalid("Tag keys must not begin with 'aws:'.")
    return tuple((tag["Key"], tag["Value"]) for tag in tags)


def _invalid(message: str) -> RequestError:
    return RequestError(Fault.INVALID, message)
