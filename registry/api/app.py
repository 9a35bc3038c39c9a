"""Everything under `/api/v1/`, as one ASGI application.

The chain, top to bottom: what the signature claims · key · body · signature · route · document ·
authorization · the endpoint. The signature is that of AWS (SigV4) for the service `ecr`.
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
from registry.api.routes import Call, Route
from registry.aws.bodies import read_body
from registry.aws.claims import read_claim
from registry.aws.context import Caller, Context
from registry.aws.errors import Fault, RequestError
from registry.aws.gateway import REFUSALS, incoming_of
from registry.aws.protocol import reply
from registry.aws.sigv4 import Credentials, Verifier

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

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
    ) -> None:
        self.routes = tuple(routes)
        self._verifier = Verifier(credentials)
        self._authorize = authorize
        self._regions = tuple(regions)
        self._refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        incoming = incoming_of(scope)
        state = scope.setdefault("state", {})
        state["surface"] = "api"
        try:
            status, document = await self._answer(incoming, state, receive)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - the last line before the client: nothing may leak
            status, document = self._failed(incoming, state, error)
        body = json.dumps(document, separators=(",", ":")).encode() + b"\n"
        answer = reply(status, "application/json", incoming.request_id, body)
        if status >= 400:
            answer.headers.append((b"connection", b"close"))
        start = {"type": "http.response.start", "status": status, "headers": answer.headers}
        await send(start)
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(
        self, incoming: Incoming, state: Any, receive: Receive
    ) -> tuple[int, Mapping[str, Any]]:
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
            claim.scope.region,
        )

    def _perform(
        self, incoming: Incoming, state: Any, prove: Callable[[], Caller], region: str
    ) -> tuple[int, Mapping[str, Any]]:
        caller = prove()
        state["principal"] = caller.arn
        route, parts = self._route(incoming)
        state["operation"] = f"api:{route.name}"
        document = _document(incoming)
        context = Context(
            caller=caller,
            account=caller.account,
            region=region,
            request_id=incoming.request_id,
            host=incoming.header("host") or "",
            secure=incoming.secure,
            source_ip=incoming.source_ip,
            user_agent=dict(incoming.headers).get("user-agent", ""),
            parameters=document,
        )
        call = Call(context, parts, dict(parse_qsl(incoming.query)), document)
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
