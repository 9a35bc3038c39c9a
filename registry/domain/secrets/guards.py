"""What a secret brings to a decision about it: its policy and its tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.domain.access import UNGUARDED, Guarded
from registry.domain.identities.identity import Document
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.domain.secrets.secrets import Secrets


class SecretGuards:
    """By the ARN of a secret."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def __call__(self, arn: str) -> Guarded:
        """Its policy and its tags; nothing where there is no such secret."""
        secret = self._secrets.find(Scope("", ""), arn)
        if secret is None or secret.arn != arn:
            return UNGUARDED
        policy = None if secret.policy is None else Document("secret policy", secret.policy)
        return Guarded(policy, tuple(sorted(secret.tags.items())))
