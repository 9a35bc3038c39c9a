"""Secrets for the registry itself: the credentials that pull through cache rules name.

Source: ECR User Guide, "Storing your upstream repository credentials in an AWS Secrets Manager
secret": ECR reads those of its own account whose names begin with `ecr-pullthroughcache/`, and
no others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.domain.secrets.errors import SecretDeleted, SecretMissing
from registry.values.errors import SecretDamaged, Unavailable

if TYPE_CHECKING:
    from registry.domain.secrets.secrets import Secrets
    from registry.domain.secrets.values import Values
    from registry.values.scope import Scope

PREFIX = "ecr-pullthroughcache/"


class Lookup:
    """Reads current values."""

    def __init__(self, secrets: Secrets, values: Values) -> None:
        self._secrets = secrets
        self._values = values

    def __call__(self, scope: Scope, arn: str) -> str | None:
        """The text of a secret, None where there is none. Raises SecretDamaged."""
        try:
            secret = self._secrets.get(scope, arn)
            if secret.arn != arn or secret.scope != scope or not secret.name.startswith(PREFIX):
                return None
            version = self._values.version(secret, None, None)
            return self._values.open(secret, version).content.decode("utf-8", "replace")
        except (SecretMissing, SecretDeleted):
            return None
        except Unavailable as error:
            raise SecretDamaged(str(error)) from None
