"""The policies that keys begin with, and which callers a key is guarded against.

Source: KMS Developer Guide, "Default key policy", "Key policies" (nobody, not even the account's
root user, may use a key unless its policy says so; IAM policies count only where the policy names
the account) and "Grants in AWS KMS".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from registry.aws.policy import Policies, PolicyKind, Principal, Request, decide, parse
from registry.domain.access import UNGUARDED, Guarded
from registry.domain.grants import document
from registry.domain.identities.identity import Document
from registry.keys.ring import ECR_ALIAS, MANAGED, Ring, located
from registry.values.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.domain.grants import Grants
    from registry.keys.ring import MasterKey

NAME = "default"
"""The one name of a key policy."""
SIZE_MAX = 32_768
"""Characters of a key policy (KMS Developer Guide, "Quotas")."""
_NOWHERE = Scope("", "")
_NAMES = {"ecr": "ECR", "ssm": "SSM", "secretsmanager": "Secrets Manager"}
_USES = ["Encrypt", "Decrypt", "ReEncrypt*", "GenerateDataKey*", "CreateGrant", "DescribeKey"]


def policy_of(key: MasterKey) -> str:
    """The text of the key's policy."""
    if key.policy is not None:
        return key.policy
    return _text(_managed(key) if key.managed else _default(key.account))


def _default(account: str) -> dict[str, Any]:
    statement = {
        "Sid": "Enable IAM User Permissions",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    return {"Id": "key-default-1", "Statement": [statement]}


def _managed(key: MasterKey) -> dict[str, Any]:
    service = next((each for each in key.aliases if each in MANAGED), ECR_ALIAS).rpartition("/")[2]
    via = {"kms:CallerAccount": key.account, "kms:ViaService": service_name(key.region, service)}
    name = _NAMES[service]
    through = {
        "Sid": f"Allow access through {name} for all principals in the account that may use {name}",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"kms:{name}" for name in _USES],
        "Resource": "*",
        "Condition": {"StringEquals": via},
    }
    directly = {
        "Sid": "Allow direct access to key metadata to the account",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{key.account}:root"},
        "Action": ["kms:Describe*", "kms:Get*", "kms:List*"],
        "Resource": "*",
    }
    return {"Id": f"auto-{service}-1", "Statement": [through, directly]}


def service_name(region: str, service: str = "ecr") -> str:
    """A service, ECR if none is named, as condition keys and grants name it."""
    return f"{service}.{region}.amazonaws.com"


def _text(policy: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", **policy}, indent=2)


class KeyGuards:
    """What a key brings to a decision about it."""

    def __init__(self, ring: Callable[[], Ring], grants: Grants) -> None:
        self._ring = ring
        self._grants = grants

    def __call__(self, arn: str) -> Guarded:
        """Its policy, which must allow, its tags and its grants.

        Of a key that does not exist, those it would begin with. An alias has none of its own.
        """
        scope, resource = located(arn, _NOWHERE)
        if scope == _NOWHERE or resource.startswith("alias/"):
            return UNGUARDED
        key = self._ring().named(arn, scope)
        if key is None:
            return Guarded(Document("key policy", _text(_default(scope.account))), required=True)
        return Guarded(
            Document("key policy", policy_of(key)),
            key.tags,
            required=True,
            more=lambda circumstances: document(self._grants.stored(key.key_id), circumstances),
        )


def lends(key: MasterKey, scope: Scope) -> bool:
    """Whether a registry may use the key: it is its account's, or its policy lets the account."""
    if key.account == scope.account:
        return True
    root = Principal(f"arn:aws:iam::{scope.account}:root", scope.account)
    policies = Policies(resource=parse(policy_of(key), PolicyKind.RESOURCE), required=True)
    context = {
        "kms:calleraccount": scope.account,
        "kms:viaservice": service_name(key.region),
        "kms:grantisforawsresource": "true",
    }
    return all(
        decide(policies, Request(root, action, key.arn, key.account, context)).allowed
        for action in REPOSITORY_ACTIONS
    )


REPOSITORY_ACTIONS = ("kms:DescribeKey", "kms:CreateGrant")
"""What somebody needs on a key to make a repository with it (ECR User Guide, "Encryption at
rest")."""
