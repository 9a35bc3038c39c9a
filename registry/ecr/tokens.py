"""ECR's GetAuthorizationToken: what `aws ecr get-login-password` calls."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from registry.aws.service import ANY
from registry.domain.identities import AccessKey
from registry.domain.tokens import USERNAME
from registry.ecr.service import ecr

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.domain.tokens import Tokens


class TokenOperations:
    """Tokens for docker."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    @ecr.operation(resource=ANY)
    def get_authorization_token(
        self, context: Context, *, registry_ids: Sequence[str] = ()
    ) -> Mapping[str, Any]:
        """A token of the caller, for every registry that the caller may reach."""
        key = context.caller.identity
        assert isinstance(key, AccessKey)  # noqa: S101 - what app.py's lookup attaches
        issued = self._tokens.issue(key.user, key.id)
        token = base64.b64encode(f"{USERNAME}:{issued.password}".encode()).decode()
        scheme = "https" if context.secure else "http"
        data = {
            "authorizationToken": token,
            "expiresAt": issued.expires_at,
            "proxyEndpoint": f"{scheme}://{context.host}",
        }
        return {"authorizationData": [data for _ in registry_ids or (context.account,)]}
