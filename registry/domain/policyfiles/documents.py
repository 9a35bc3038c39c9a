"""The check of each kind of policy file, by the kind's name.

Sources of the lengths: IAM User Guide, "IAM and AWS STS quotas" (managed policies, counted
without white space); ECR API reference, SetRepositoryPolicy and PutRegistryPolicy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from registry.aws.policy import PolicyInvalid, PolicyKind, parse
from registry.domain.identities.documents import MANAGED_LIMIT
from registry.domain.lifecycle.language import check_lifecycle
from registry.domain.policyfiles.gate import check_gate

RESOURCE_LIMIT = 10_240

# IAM API reference, CreatePolicy: the characters of a document.
_OUTSIDE = re.compile("[^\\t\\n\\r\\x20-\\xff]")


def check_identity(text: str) -> None:
    """Raise PolicyInvalid unless the text can be a managed policy."""
    outside = _OUTSIDE.search(text)
    if outside is not None:
        at = outside.start()
        raise PolicyInvalid(
            f"{outside[0]!a} is not a character that IAM takes (up to \\xff)",
            line=text.count("\n", 0, at) + 1,
            column=at - text.rfind("\n", 0, at),
        )
    parse(text, PolicyKind.IDENTITY, limit=MANAGED_LIMIT)


def check_resource(text: str) -> None:
    """Raise PolicyInvalid unless the text can be a repository's or registry's policy."""
    parse(text, PolicyKind.RESOURCE, limit=RESOURCE_LIMIT)


CHECKS: Mapping[str, Callable[[str], None]] = {
    "identity": check_identity,
    "repository": check_resource,
    "registry": check_resource,
    "lifecycle": check_lifecycle,
    "gate": check_gate,
}
"""Each raises PolicyInvalid, with line and column where a place can be named."""
