"""Everything under `/api/v1/`, as one ASGI application.

The chain, top to bottom: what the signature claims · key · body · signature · route · document ·
authorization · the endpoint. The signature is that of AWS (SigV4) for the service `ecr`; a route
that a browser may ask for takes the password of `docker login` in its place.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from registry.api.errors import answer_of
from registry.api.passwords import challenge
from registry.api.routes import Answer, Call, Document, Route
from registry.aws.bodies import read_body
from registry.aws.claims import read_claim
from registry.aws.context import Caller, Context
from registry.aws.errors import Fault, RequestError
from registry.aws.gateway import REFUSALS, incoming_of
from registry.aws.protocol import reply
from registry.aws.sigv4 import Credentials, Verifier
from registry.values.errors import TokenExpired, Unauthenticated
from registry.values.scope import Scope

if TYPE_CHECKING:
    from starlette.types import Receive, Send
    from starlette.types import Scope as AsgiScope

    from registry.api.passwords import Passwords
    from registry.aws.gateway import Authorize, Refused
    from registry.aws.protocol import Incoming

SERVICE = "ecr"
"""What requests are signed for."""
BODY_MAX = 1024 * 1024

_log = logging.getLogger("moorage.api")


class Api:
    """Answers."""

    def __init__(
        self,
        routes: Sequence[Route],
        credentials: Credentials,
        authorize: Authorize,
        *,
        regions: Sequence[str],
        refused: Refused,
        passwords: Passwords | None = None,
    ) -> None:
        self.routes = tuple(routes)
        self._verifier = Verifier(credentials)
        self._authorize = authorize
        self._regions = tuple(regions)
        self._refused = refused
        self._passwords = passwords

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        incoming = incoming_of(scope)
        state = scope.setdefault("state", {})
        state["surface"] = "api"
        try:
            status, given = await self._answer(incoming, state, receive)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - the last line before the client: nothing may leak
            status, given = self._failed(incoming, state, error)
        document = _written(given)
        headers = [part for pair in document.headers for part in pair]
        answer = reply(status, document.media_type, incoming.request_id, document.content, *headers)
        if status >= 400:
            answer.headers.append((b"connection", b"close"))
        start = {"type": "http.response.start", "status": status, "headers": answer.headers}
        await send(start)
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, incoming: Incoming, state: Any, receive: Receive) -> tuple[int, Answer]:
        if self._passwords is not None and self._passwords.meant(incoming, self.routes):
            incoming.body = await read_body(receive, BODY_MAX)
            return await run_in_threadpool(self._browsed, incoming, state, self._passwords)
        claim = read_claim(incoming)
        state["access_key_id"] = claim.access_key_id
        identified = await run_in_threadpool(
            self._verifier.identify, incoming, claim, SERVICE, self._regions
        )
        incoming.body = await read_body(receive, BODY_MAX)
        return await run_in_threadpool(
            self._perform,
            incoming,
            state,
            lambda: self._verifier.verify(incoming, identified),
            Scope(identified.credential.caller.account, claim.scope.region),
        )

    def _browsed(self, incoming: Incoming, state: Any, passwords: Passwords) -> tuple[int, Answer]:
        try:
            caller, scope = passwords.prove(incoming)
        except (Unauthenticated, TokenExpired) as error:
            if incoming.header("authorization") is not None:
                fault = RequestError(Fault.UNKNOWN_KEY, str(error))
                self._refused(incoming, "ecr:Unknown", "", fault)
            return challenge(error)
        return self._perform(incoming, state, lambda: caller, scope)

    def _perform(
        self, incoming: Incoming, state: Any, prove: Callable[[], Caller], place: Scope
    ) -> tuple[int, Answer]:
        caller = prove()
        state["principal"] = caller.arn
        route, parts = self._route(incoming)
        state["operation"] = f"api:{route.name}"
        document = _document(incoming)
        context = Context(
            caller=caller,
            account=place.account,
            region=place.region,
            request_id=incoming.request_id,
            host=incoming.header("host") or "",
            secure=incoming.secure,
            source_ip=incoming.source_ip,
            user_agent=dict(incoming.headers).get("user-agent", ""),
            parameters=document,
        )
        query = dict(parse_qsl(incoming.query))
        call = Call(context, parts, query, document, dict(incoming.headers))
        for need in route.needs(call):
            self._authorize(context, need.actions, need.resources, need.conditions)
        return 200, route.endpoint(call)

    def _route(self, incoming: Incoming) -> tuple[Route, Mapping[str, str]]:
        path = unquote(incoming.path)
        found = [(each, parts) for each in self.routes if (parts := each.match(path)) is not None]
        for each, parts in found:
            if each.method == incoming.method:
                return each, parts
        if found:
            listed = ", ".join(each.method for each, _ in found)
            raise RequestError(Fault.METHOD, f"this path takes {listed}")
        raise RequestError(Fault.UNKNOWN_OPERATION, "there is nothing under this path")

    def _failed(
        self, incoming: Incoming, state: Any, error: Exception
    ) -> tuple[int, Mapping[str, Any]]:
        if isinstance(error, RequestError) and error.fault in REFUSALS:
            key_id = state.get("access_key_id", "")
            self._refused(incoming, "ecr:Unknown", key_id, error)
        found = answer_of(error)
        if found is None:
            where = state.get("operation", "before the operation")
            _log.error("%s failed, request %s", where, incoming.request_id, exc_info=error)
            message = f"an internal error, recorded as request {incoming.request_id}"
            return 500, {"code": "InternalFailure", "message": message}
        return found


def _written(given: Answer) -> Document:
    if isinstance(given, Document):
        return given
    body = json.dumps(given, separators=(",", ":")).encode() + b"\n"
    return Document("application/json", body)


def _document(incoming: Incoming) -> Mapping[str, Any]:
    """The body's JSON object. Raises RequestError."""
    text = incoming.take_body()
    try:
        document = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        raise RequestError(Fault.MALFORMED, "the body is not a JSON document") from None
    if not isinstance(document, dict):
        raise RequestError(Fault.MALFORMED, "the body is not a JSON object")
    return document
