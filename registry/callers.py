"""Who is behind the requests to the AWS endpoint: the gateway's questions, put to the domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from registry.aws.context import Caller
from registry.aws.sigv4 import SigningCredential
from registry.domain.access import Circumstances
from registry.domain.audit_events import ACCESS_KEY_ID, without_quotes
from registry.domain.identities.identity import Credential, Proven
from registry.domain.requests import circumstances_of, identity_of

if TYPE_CHECKING:
    from registry.aws.context import Context
    from registry.aws.errors import RequestError
    from registry.aws.protocol import Incoming
    from registry.aws.service import Conditions
    from registry.domain.access import Access
    from registry.domain.identities.directory import Directory
    from registry.domain.identities.services import ServiceKeys
    from registry.domain.identities.sessions import Sessions
    from registry.domain.tokens import Tokens


class SigningKeys:
    """Access keys, long-lived and temporary, as the signature check asks for them."""

    def __init__(self, directory: Directory, sessions: Sessions, services: ServiceKeys) -> None:
        self._directory = directory
        self._sessions = sessions
        self._services = services

    def find(self, access_key_id: str, session_token: str | None) -> SigningCredential | None:
        """The key, if it and whose it is are active."""
        credential = Credential(access_key_id, session_token)
        if session_token is not None:
            session = self._sessions.find(access_key_id, session_token)
            if session is None:
                return None
            caller = _caller(Proven(session.identity, credential))
            return SigningCredential(session.secret, caller, expired=session.expired)
        if (service := self._services.find(access_key_id)) is not None:
            return SigningCredential(service.secret, _caller(Proven(service.identity, credential)))
        key = self._directory.access_key(access_key_id)
        if key is None:
            return None
        return SigningCredential(key.secret, _caller(Proven(key.user, credential)))


class LoginPasswords:
    """Passwords of `docker login`, where they may stand for a signature."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def __call__(self, credentials: str) -> Caller:
        """Whose the credentials of a Basic header are. Raises Unauthenticated, TokenExpired."""
        return _caller(self._tokens.from_basic(credentials))


def _caller(proven: Proven) -> Caller:
    found = proven.identity
    return Caller(found.arn, found.account, found.id, identity=proven)


class Authorizer:
    """The gateway's question, put to the domain."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def __call__(
        self,
        context: Context,
        actions: Sequence[str],
        resources: Sequence[str],
        conditions: Conditions,
    ) -> None:
        """Raise Denied unless all actions are allowed on all resources."""
        circumstances = circumstances_of(context, conditions)
        for resource in resources:
            self._access.require(identity_of(context), tuple(actions), resource, circumstances)


class Refusals:
    """Has the audit log record credentials that the gateway refused."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def __call__(self, incoming: Incoming, action: str, key_id: str, error: RequestError) -> None:
        """Record one."""
        circumstances = Circumstances(
            incoming.source_ip,
            incoming.secure,
            dict(incoming.headers).get("user-agent", ""),
            request_id=incoming.request_id,
            access_key_id=key_id if ACCESS_KEY_ID.fullmatch(key_id) else "",
        )
        code = error.fault.value.json.name
        self._access.refused(action, "*", circumstances, code, without_quotes(error.message))
