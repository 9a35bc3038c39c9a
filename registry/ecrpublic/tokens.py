"""ECR Public's GetAuthorizationToken: what `aws ecr-public get-login-password` calls."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from registry.aws.service import ANY
from registry.domain.requests import proven_of
from registry.domain.tokens import USERNAME
from registry.ecrpublic.service import ecr_public

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.aws.context import Context
    from registry.domain.tokens import Tokens


class TokenOperations:
    """Tokens for docker; only a push needs one."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    @ecr_public.operation(
        resource=ANY,
        actions=("ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken"),
    )
    def get_authorization_token(self, context: Context) -> Mapping[str, Any]:
        """A token of the caller, for everything that the caller may."""
        issued = self._tokens.issue(proven_of(context).credential)
        token = base64.b64encode(f"{USERNAME}:{issued.password}".encode()).decode()
        return {"authorizationData": {"authorizationToken": token, "expiresAt": issued.expires_at}}
