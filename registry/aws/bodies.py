"""Reading a request body of bounded size from an ASGI server."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from registry.aws.errors import Fault, RequestError

IDLE_SECONDS = 30.0
"""How long a client may be silent in the middle of its body."""


async def read_body(receive: Receive, limit: int, idle: float = IDLE_SECONDS) -> bytearray:
    """The whole body.

    Raises RequestError (TOO_LARGE beyond `limit` bytes, TOO_SLOW after `idle` seconds without
    a byte) and starlette's ClientDisconnect.
    """
    body = bytearray()
    more = True
    while more:
        try:
            async with asyncio.timeout(idle):
                message = await receive()
        except TimeoutError:
            text = f"nothing of the body arrived for {idle:g} seconds"
            raise RequestError(Fault.TOO_SLOW, text) from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > limit:
            raise too_large(limit)
        more = message.get("more_body", False)
    return body


def announced_length(header: str | None) -> int | None:
    """The Content-Length, or None where there is none. Raises RequestError (MALFORMED)."""
    if header is None:
        return None
    if not (header.isascii() and header.isdigit() and len(header) <= 18):
        raise RequestError(Fault.MALFORMED, "Content-Length is not a number")
    return int(header)


def too_large(limit: int) -> RequestError:
    """A body beyond the limit."""
    return RequestError(Fault.TOO_LARGE, f"the body is longer than {limit} bytes")
