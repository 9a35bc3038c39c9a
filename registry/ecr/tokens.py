"""ECR's GetAuthorizationToken: what `aws ecr get-login-password` calls."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from registry.aws.service import ANY
from registry.domain.identities.identity import Proven
from registry.domain.tokens import USERNAME
from registry.ecr.service import ecr
from registry.values.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.domain.tokens import Tokens
    from registry.values.scope import Hosts


class TokenOperations:
    """Tokens for docker."""

    def __init__(self, tokens: Tokens, hosts: Hosts) -> None:
        self._tokens = tokens
        self._hosts = hosts

    @ecr.operation(resource=ANY)
    def get_authorization_token(
        self, context: Context, *, registry_ids: Sequence[str] = ()
    ) -> Mapping[str, Any]:
        """A token of the caller, for every registry that the caller may reach."""
        proven = context.caller.identity
        assert isinstance(proven, Proven)  # noqa: S101 - what app.py's lookup attaches
        issued = self._tokens.issue(proven.credential)
        token = base64.b64encode(f"{USERNAME}:{issued.password}".encode()).decode()
        scheme = "https" if context.secure else "http"
        return {
            "authorizationData": [
                {
                    "authorizationToken": token,
                    "expiresAt": issued.expires_at,
                    "proxyEndpoint": f"{scheme}://{self._host(context, account)}",
                }
                for account in registry_ids or (context.account,)
            ]
        }

    def _host(self, context: Context, account: str) -> str:
        return self._hosts.host(Scope(account, context.region), context.host)
