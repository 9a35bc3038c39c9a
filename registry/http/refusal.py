"""What a client is told whose request never reaches the application."""

from __future__ import annotations

import json
from http import HTTPStatus

_CODES = {
    400: "BAD_REQUEST",
    408: "REQUEST_TIMEOUT",
    414: "URI_TOO_LONG",
    431: "HEADERS_TOO_LARGE",
    503: "UNAVAILABLE",
}


def refusal(status: int, message: str) -> bytes:
    """A whole HTTP/1.1 answer with that status; its JSON has the form of OCI's errors."""
    body = json.dumps({"errors": [{"code": _CODES[status], "message": message}]})
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        "connection: close\r\n\r\n"
    )
    return (head + body).encode("ascii")
