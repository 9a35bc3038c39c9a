"""What is seen of a request from outside: its id, its log line, its place in the metrics.

A pure ASGI middleware, outermost around the application. What the routes know they put into
`scope["state"]`, from where it reaches the log and the metrics:

    surface          oci, ecr, sts, …: the wire
    operation        the route's or the operation's name, never client text
    repository_kind  private, cache or public
    principal        who asks, as an ARN (log only)
    upload           how an upload that ended here ended: stored, refused, failed, …

and `state["request_id"]` is there for them to use.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry.http.logs import fields
from registry.http.metrics import Metrics
from registry.http.stream import TRANSFER, abort
from registry.values.errors import Interrupted, MoorageError

SHOWN_QUERY = frozenset({"artifactType", "digest", "from", "last", "mount", "n", "tag"})
"""Query parameters that a log may show; any other may be a signature or a token."""

_OUTCOMES = {401: "unauthenticated", 403: "denied", 404: "not_found", 429: "throttled"}
_USER_AGENT_MAX = 200
_access = logging.getLogger("moorage.access")
_errors = logging.getLogger("moorage.error")


class Observe:
    """Gives each request an id, logs and counts it, and turns what nobody caught into a 500."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and account for it. Raises nothing but a cancellation."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = _Seen(os.urandom(16).hex(), receive, send)
        scope.setdefault("state", {})["request_id"] = seen.request_id
        try:
            await self._app(scope, seen.receive, seen.send)
        except Interrupted:
            seen.cut = "interrupted"
            abort(scope)
        except Exception as error:  # noqa: BLE001 - the last place that can answer and log it
            await self._failed(scope, seen, error)
        except BaseException:
            seen.cut = "cancelled"
            raise
        finally:
            self._record(scope, seen)

    async def _failed(self, scope: Scope, seen: _Seen, error: Exception) -> None:
        known = isinstance(error, MoorageError)  # it says itself what is wrong, and where
        message = f"request failed: {error}" if known else "request failed"
        traced = None if known else error
        _errors.error(message, exc_info=traced, extra=fields(request_id=seen.request_id))
        if seen.status:
            seen.cut = "failed"
            abort(scope)
            return
        message = f"internal error, request id {seen.request_id}"
        answer = JSONResponse({"errors": [{"code": "UNKNOWN", "message": message}]}, 500)
        await answer(scope, seen.receive, seen.send)

    def _record(self, scope: Scope, seen: _Seen) -> None:
        seconds = time.perf_counter() - seen.started
        state: dict[str, Any] = scope["state"]
        transfer = scope.get("extensions", {}).get(TRANSFER)
        bytes_out = seen.bytes_out + (transfer.sent if transfer is not None else 0)
        outcome = seen.outcome(scope["method"], bytes_out)
        kind = state.get("repository_kind", "none")
        self._metrics.request(
            state.get("surface", "none"), state.get("operation", "none"), kind, outcome, seconds
        )
        self._metrics.transferred("in", kind, seen.bytes_in)
        self._metrics.transferred("out", kind, bytes_out)
        if "upload" in state:
            self._metrics.upload(kind, state["upload"])
        if _access.isEnabledFor(logging.INFO):
            line = _line(scope, state, seen, outcome)
            _access.info(
                "request",
                extra=fields(**line, bytes_out=bytes_out, seconds=round(seconds, 6)),
            )


@dataclass
class _Seen:
    """One request as it passes: its `receive` and `send`, and what went through them."""

    request_id: str
    _receive: Receive
    _send: Send
    status: int = 0
    length: int | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    cut: str | None = None

    def __post_init__(self) -> None:
        self.started = time.perf_counter()

    async def receive(self) -> Message:
        message = await self._receive()
        self.bytes_in += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), (b"x-request-id", self.request_id.encode())]
            message = {**message, "headers": headers}
            self.length = next((int(v) for k, v in headers if k == b"content-length"), None)
        else:
            self.bytes_out += len(message.get("body", b""))
        await self._send(message)

    def outcome(self, method: str, bytes_out: int) -> str:
        """One word for the metrics: how the request ended."""
        if self.cut is not None:
            return self.cut
        if not self.status:
            return "interrupted"
        if self.status >= 500:
            return "unavailable" if self.status == 503 else "server_error"
        if self.status >= 400:
            return _OUTCOMES.get(self.status, "client_error")
        whole = method == "HEAD" or self.length in (None, bytes_out)
        return "success" if whole else "interrupted"


def _line(scope: Scope, state: dict[str, Any], seen: _Seen, outcome: str) -> dict[str, Any]:
    client = scope.get("client")
    agent = next((value for name, value in scope["headers"] if name == b"user-agent"), b"")
    return {
        "request_id": seen.request_id,
        "method": scope["method"],
        "path": shown_target(scope["path"], scope.get("query_string", b"")),
        "status": seen.status or None,
        "outcome": outcome,
        "remote_address": client[0] if client else None,
        "principal": state.get("principal"),
        "operation": state.get("operation"),
        "user_agent": agent[:_USER_AGENT_MAX].decode("latin-1") or None,
        "bytes_in": seen.bytes_in,
    }


def shown_target(path: str, query: bytes) -> str:
    """Path and query as a log may show them: parameters we don't know lose their value."""
    if not query:
        return path
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    shown = [(name[:64], value if name in SHOWN_QUERY else "hidden") for name, value in pairs[:20]]
    return f"{path}?{urlencode(shown, safe='/:@+')}"
