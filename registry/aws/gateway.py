"""The AWS endpoint: one ASGI app that every service of the AWS wire shares.

The chain, top to bottom, in AWS's order: which service and protocol · what the signature
claims · scope, time and key · body · signature · operation · decode · constraints ·
authorization · the operation itself · encode. What fails answers in the protocol's form.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import uuid4

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from registry.aws.bodies import announced_length, read_body, too_large
from registry.aws.claims import read_claim
from registry.aws.constraints import violations
from registry.aws.context import Caller, Context
from registry.aws.errors import Fault, RequestError, ServiceError
from registry.aws.json_protocol import TARGET, JsonProtocol
from registry.aws.protocol import Incoming, Reply, WireProtocol
from registry.aws.query_protocol import FORM, QueryProtocol
from registry.aws.service import Conditions, Operation, Parameters, Service
from registry.aws.sigv4 import Credentials, Identified, Verifier
from registry.values.digest import shown
from registry.values.errors import Denied, Unavailable

Authorize = Callable[[Context, Sequence[str], Sequence[str], Conditions], None]
"""(context, IAM actions, resource ARNs, the operation's condition keys); raises Denied."""

Refused = Callable[[Incoming, str, str, RequestError], None]
"""(request, IAM action, access key id as claimed, why the credentials were refused)."""

REFUSALS = frozenset(
    {
        Fault.INCOMPLETE_SIGNATURE,
        Fault.UNKNOWN_KEY,
        Fault.BAD_SIGNATURE,
        Fault.TOKEN_EXPIRED,
        Fault.REQUEST_EXPIRED,
    }
)
"""What is wrong with credentials that were shown."""

_Identity = tuple[Service, Identified]

LARGE_BODY = 1024 * 1024
"""Up to here a body is read at once; a larger one only for a key that exists."""
LARGE_BODIES_AT_ONCE = 2

# A long list can fail a thousand times; its sender has enough to read with the first of them.
_MOST_VIOLATIONS = 20

_log = logging.getLogger("moorage.aws")


@dataclass(slots=True)
class _Call:
    """One request on its way down the chain."""

    incoming: Incoming
    wire: WireProtocol
    state: MutableMapping[str, Any]
    service: Service | None = None
    complete: bool = False
    """Whether the body was read to its end."""
    key_id: str = ""
    """The access key that the caller claims to have."""


class Gateway:
    """Answers `POST /`, and `GET /?Action=…` for presigned requests."""

    def __init__(
        self,
        services: Iterable[Service],
        credentials: Credentials,
        authorize: Authorize,
        *,
        regions: Sequence[str],
        verifier: Verifier | None = None,
        refused: Refused = lambda *_: None,
    ) -> None:
        bound = list(services)
        self._by_target = {each.target_prefix: each for each in bound if each.target_prefix}
        self._by_name = {each.signing_name: each for each in bound if not each.target_prefix}
        self._verifier = verifier or Verifier(credentials)
        self._authorize = authorize
        self._refused = refused
        self._regions = tuple(regions)
        self._json, self._query = JsonProtocol(), QueryProtocol()
        # A large body takes three times its size while it is decoded: few are held at a time,
        # one is decoded, and a slow client does not keep the others from that.
        self._large = asyncio.Semaphore(LARGE_BODIES_AT_ONCE)
        self._decoding = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        incoming = incoming_of(scope)
        call = _Call(incoming, self._wire(incoming), scope.setdefault("state", {}))
        try:
            reply = await self._answer(call, receive)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - the last line before the client: nothing may leak
            reply = self._failed(call, error)
        start = {"type": "http.response.start", "status": reply.status, "headers": reply.headers}
        await send(start)
        body = b"" if incoming.method == "HEAD" else reply.body
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, call: _Call, receive: Receive) -> Reply:
        if call.incoming.method not in ("POST", "GET"):
            raise RequestError(Fault.METHOD, "the AWS endpoint takes POST, and GET when presigned")
        length = announced_length(call.incoming.header("content-length"))
        if length is None and call.incoming.header("transfer-encoding") is None:
            length = 0
        if length is not None and length > call.wire.max_body:
            raise too_large(call.wire.max_body)
        if length is not None and length <= LARGE_BODY:
            await self._read(call, receive)
            return await run_in_threadpool(self._identify_and_perform, call)
        async with self._large:
            identified = await run_in_threadpool(self._identify, call)
            await self._read(call, receive)
            async with self._decoding:
                return await run_in_threadpool(self._perform, call, identified)

    async def _read(self, call: _Call, receive: Receive) -> None:
        call.incoming.body = await read_body(receive, call.wire.max_body)
        call.complete = True

    def _wire(self, incoming: Incoming) -> WireProtocol:
        """The protocol that the request is, or its error will be, written in."""
        headers = dict(incoming.headers)
        form = headers.get("content-type", "").startswith(FORM)
        action = any(pair.startswith("Action=") for pair in incoming.query.split("&"))
        return self._query if TARGET not in headers and (form or action) else self._json

    def _identify_and_perform(self, call: _Call) -> Reply:
        return self._perform(call, self._identify(call))

    def _identify(self, call: _Call) -> _Identity:
        """Everything that can be said without the body."""
        incoming = call.incoming
        target = incoming.header(TARGET)
        if call.wire is self._json:
            call.service = self._targeted(target)
        claim = read_claim(incoming)
        call.key_id = claim.access_key_id
        service = call.service = call.service or self._named(claim.scope.service)
        call.state["surface"] = service.model.service_name
        extra = (service.global_region,) if service.global_region else ()
        regions = (*self._regions, *extra)
        return service, self._verifier.identify(incoming, claim, service.signing_name, regions)

    def _targeted(self, target: str | None) -> Service:
        if not target:
            message = "the request names no operation: no X-Amz-Target header, no Action parameter"
            raise RequestError(Fault.UNKNOWN_OPERATION, message)
        service = self._by_target.get(target.rpartition(".")[0])
        if service is None:
            message = f"no service of this server has the target {shown(target)}"
            raise RequestError(Fault.UNKNOWN_OPERATION, message)
        return service

    def _named(self, name: str) -> Service:
        service = self._by_name.get(name)
        if service is None:
            known = "', '".join(sorted(self._by_name))
            message = f"Credential should be scoped to correct service: '{known}'."
            raise RequestError(Fault.BAD_SIGNATURE, message)
        return service

    def _perform(self, call: _Call, identity: _Identity) -> Reply:
        """Everything from the signature to the answer."""
        incoming, (service, identified) = call.incoming, identity
        caller = self._verifier.verify(incoming, identified)
        call.state["principal"] = caller.arn
        operation, parameters = _read(service, incoming, call.state)
        context = self._context(caller, incoming, identified.claim.scope.region, parameters)
        if operation.resource is not None:
            resources = operation.resource(context, parameters)
            for conditions in operation.conditions(context, parameters):
                self._authorize(context, operation.actions, resources, conditions)
        if roles := operation.passes(context, parameters):
            to = {"iam:passedtoservice": operation.passed_to}
            self._authorize(context, ("iam:PassRole",), roles, to)
        result = operation.function(context, **parameters)
        return service.wire.result(operation.model, result or {}, incoming.request_id)

    def _context(
        self, caller: Caller, incoming: Incoming, region: str, parameters: Parameters
    ) -> Context:
        return Context(
            caller=caller,
            account=caller.account,
            region=region if region in self._regions else self._regions[0],
            request_id=incoming.request_id,
            host=incoming.header("host") or "",
            secure=incoming.secure,
            source_ip=incoming.source_ip,
            user_agent=dict(incoming.headers).get("user-agent", ""),
            parameters=parameters,
        )

    def _failed(self, call: _Call, error: Exception) -> Reply:
        """The error's answer; the connection ends if its body was not read."""
        wire, service = call.wire, call.service
        if isinstance(error, RequestError) and error.fault in REFUSALS:
            self._refused(call.incoming, _asked(call), call.key_id, error)
        found = self._service_error(call, error)
        model = service.model if service else None
        reply = wire.error(found, model, call.incoming.request_id)
        if not call.complete:
            reply.headers.append((b"connection", b"close"))
        if reply.status == Fault.METHOD.value.json.status:
            reply.headers.append((b"allow", b"GET, POST"))
        return reply

    def _service_error(self, call: _Call, error: Exception) -> ServiceError:
        if isinstance(error, ServiceError):
            return error
        if isinstance(error, RequestError):
            return call.wire.translate(error)
        known = call.service.errors(error) if call.service else None
        if known is not None:
            return known
        if isinstance(error, Denied):
            return call.wire.translate(RequestError(Fault.DENIED, str(error)))
        if isinstance(error, Unavailable):
            return call.wire.translate(RequestError(Fault.UNAVAILABLE, str(error)))
        where = call.state.get("operation", "before the operation")
        _log.error("%s failed, request %s", where, call.incoming.request_id, exc_info=error)
        message = f"an internal error, recorded as request {call.incoming.request_id}"
        return call.wire.translate(RequestError(Fault.INTERNAL, message))


def _read(
    service: Service, incoming: Incoming, state: MutableMapping[str, Any]
) -> tuple[Operation, dict[str, Any]]:
    """The operation and its checked input; what they were read from is let go of."""
    message = service.wire.read(incoming)
    operation = _operation(service, message.operation)
    state["operation"] = operation.label
    return operation, operation.parameters(_members(service, operation, message.document))


def _operation(service: Service, name: str) -> Operation:
    operation = service.operations.get(name)
    if operation is not None:
        return operation
    if name in service.model.operation_names:
        message = f"the operation {name} is not implemented by this server"
    else:
        message = f"{service.model.service_name} has no operation {shown(name)}"
    raise RequestError(Fault.UNKNOWN_OPERATION, message)


def _members(service: Service, operation: Operation, document: Any) -> dict[str, Any]:
    """The decoded input, checked against the model. Raises RequestError, ServiceError."""
    try:
        members = service.wire.parameters(operation.model, document)
    except RecursionError:
        raise RequestError(Fault.MALFORMED, "the document is nested too deeply") from None
    shape = operation.model.input_shape
    if shape is not None and (found := list(islice(violations(shape, members), _MOST_VIOLATIONS))):
        raise service.invalid(found)
    return members


def incoming_of(scope: Scope) -> Incoming:
    """The request of an ASGI scope, without its body."""
    headers = [
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, value in scope["headers"]
    ]
    client = scope.get("client")
    raw_path = scope.get("raw_path") or scope["path"].encode()
    return Incoming(
        method=scope["method"],
        path=raw_path.decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        secure=scope["scheme"] == "https",
        source_ip=client[0] if client else "",
        request_id=scope.get("state", {}).get("request_id") or str(uuid4()),
    )


def _asked(call: _Call) -> str:
    """The IAM action that a request whose credentials were refused would have needed."""
    if call.service is None:
        return "unknown:Unknown"
    name = ""
    with suppress(RequestError):
        name = call.wire.read(call.incoming).operation
    known = name if name in call.service.model.operation_names else "Unknown"
    return f"{call.service.signing_name}:{known}"
