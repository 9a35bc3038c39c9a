"""Secrets Manager's operations on resource policies and tags.

Source: Secrets Manager API reference, PutResourcePolicy, GetResourcePolicy,
DeleteResourcePolicy, ValidateResourcePolicy, TagResource, UntagResource.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.errors import ServiceError
from registry.aws.policy import PolicyInvalid, PolicyKind, parse
from registry.aws.service import ANY
from registry.domain.resource_labels import label_set
from registry.domain.secrets.public import for_everybody
from registry.secretsmanager.service import (
    Operations,
    conditions,
    pairs,
    scope_of,
    secretsmanager,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context

POLICY_MAX = 20_480


class PolicyOperations(Operations):
    """Policies and tags of secrets."""

    @secretsmanager.operation(resource=Operations.one_secret, conditions=conditions)
    def put_resource_policy(
        self,
        context: Context,
        *,
        secret_id: str,
        resource_policy: str,
        block_public_policy: bool = False,
    ) -> Mapping[str, Any]:
        """Say who else may use a secret."""
        secret = self._get(context, secret_id)
        parse(resource_policy, PolicyKind.RESOURCE, limit=POLICY_MAX)
        if block_public_policy and for_everybody(resource_policy):
            raise ServiceError(
                "PublicPolicyException",
                "You can't attach a resource policy that allows broad access to the secret.",
            )
        self._secrets.change(secret, policy=resource_policy)
        return {"ARN": secret.arn, "Name": secret.name}

    @secretsmanager.operation(resource=Operations.one_secret, conditions=conditions)
    def get_resource_policy(self, context: Context, *, secret_id: str) -> Mapping[str, Any]:
        """The policy of a secret, if it has one."""
        secret = self._secrets.known(scope_of(context), secret_id)
        return {"ARN": secret.arn, "Name": secret.name, "ResourcePolicy": secret.policy}

    @secretsmanager.operation(resource=Operations.one_secret, conditions=conditions)
    def delete_resource_policy(self, context: Context, *, secret_id: str) -> Mapping[str, Any]:
        """Leave a secret to the policies of its own account."""
        secret = self._get(context, secret_id)
        self._secrets.change(secret, policy=None)
        return {"ARN": secret.arn, "Name": secret.name}

    @secretsmanager.operation(resource=ANY)
    def validate_resource_policy(
        self,
        context: Context,
        *,
        secret_id: str | None = None,
        resource_policy: str,
    ) -> Mapping[str, Any]:
        """Whether a policy is one, and does not let everybody in."""
        if secret_id is not None:
            self._secrets.known(scope_of(context), secret_id)
        try:
            parse(resource_policy, PolicyKind.RESOURCE, limit=POLICY_MAX)
        except PolicyInvalid as error:
            found = [{"CheckName": "POLICY_SYNTAX", "ErrorMessage": str(error)}]
            return {"PolicyValidationPassed": False, "ValidationErrors": found}
        if for_everybody(resource_policy):
            text = "The policy allows broad access to the secret."
            found = [{"CheckName": "BLOCK_PUBLIC_POLICY", "ErrorMessage": text}]
            return {"PolicyValidationPassed": False, "ValidationErrors": found}
        return {"PolicyValidationPassed": True, "ValidationErrors": []}

    @secretsmanager.operation(resource=Operations.one_secret, conditions=conditions)
    def tag_resource(
        self, context: Context, *, secret_id: str, tags: Sequence[Mapping[str, str]]
    ) -> None:
        """Add or change tags."""
        labels = label_set(pairs(tags))
        secret = self._get(context, secret_id)
        self._secrets.tag(secret, lambda stored: {**stored, **labels})

    @secretsmanager.operation(resource=Operations.one_secret, conditions=conditions)
    def untag_resource(self, context: Context, *, secret_id: str, tag_keys: Sequence[str]) -> None:
        """Remove tags."""
        secret = self._get(context, secret_id)
        self._secrets.tag(
            secret, lambda stored: {key: stored[key] for key in stored if key not in tag_keys}
        )
