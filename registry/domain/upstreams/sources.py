"""Whom a rule has us ask, and with which credentials.

Source: ECR User Guide, "Storing your upstream repository credentials in an AWS Secrets Manager
secret": a secret is `{"username": …, "accessToken": …}`, its name begins with
`ecr-pullthroughcache/`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from registry.upstream.authentication import Credentials, Source
from registry.values.digest import shown
from registry.values.errors import (
    MoorageError,
    ParameterInvalid,
    SecretDamaged,
    SecretInaccessible,
    SecretNotFound,
)
from registry.values.fetching import UpstreamDenied, UpstreamSecretLost

if TYPE_CHECKING:
    from registry.domain.upstreams.rules import Rule
    from registry.domain.upstreams.secrets import Secrets
    from registry.upstream.client import Client
    from registry.values.scope import Scope

PREFIX = "ecr-pullthroughcache/"
"""Of the names of secrets that rules may name."""
_NAME = re.compile(r"[a-zA-Z0-9/_+=.@-]{1,400}", re.ASCII)


class Sources:
    """Finds the source of a rule."""

    def __init__(self, secrets: Secrets, client: Client) -> None:
        self._secrets = secrets
        self._client = client

    def of(self, scope: Scope, rule: Rule) -> Source:
        """Whom to ask. Raises UpstreamUnsupported, UpstreamSecretLost."""
        address = self._client.address(rule.url)
        if rule.credential_arn is None:
            return Source(address)
        try:
            return Source(address, self.credentials(scope, rule.credential_arn))
        except (SecretNotFound, SecretInaccessible, SecretDamaged) as error:
            raise UpstreamSecretLost(str(error)) from None

    def credentials(self, scope: Scope, arn: str) -> Credentials:
        """What a secret holds.

        Raises SecretInaccessible, SecretNotFound, SecretDamaged.
        """
        value = self._secrets.get(scope, arn)
        try:
            document: Any = json.loads(value)
            username, token = document["username"], document["accessToken"]
        except (ValueError, KeyError, TypeError):
            username = token = None
        if not isinstance(username, str) or not isinstance(token, str):
            raise SecretInaccessible(
                "The secret is not a JSON object with username and accessToken"
            )
        return Credentials(username, token)

    def check(self, scope: Scope, url: str, credential_arn: str | None) -> None:
        """Raise what a rule with that upstream and that secret is refused for; nobody is asked.

        UpstreamUnsupported, SecretInaccessible, SecretNotFound, SecretDamaged.
        """
        self._client.address(url)
        if credential_arn is not None:
            self.credentials(scope, credential_arn)

    def problem(self, scope: Scope, rule: Rule) -> str:
        """Why the upstream cannot be used now; empty where it can: it lets us in."""
        try:
            self._client.check(self.of(scope, rule))
        except MoorageError as error:
            kind = "Access denied" if isinstance(error, UpstreamDenied) else "Not reachable"
            return f"{kind}: {error}"
        return ""


def secret_name(name: str) -> str:
    """The name of the secret with the credentials that are called so. Raises ParameterInvalid."""
    if _NAME.fullmatch(name) is None:
        raise ParameterInvalid(
            f"{shown(name)} is no name for credentials: 1 to 400 letters, digits, / _ + = . @ -"
        )
    return name if name.startswith(PREFIX) else PREFIX + name


def secret_value(username: str, access_token: str) -> str:
    """What a secret with these credentials holds."""
    return json.dumps({"username": username, "accessToken": access_token})
