"""What a wire protocol does for the gateway, and the request and reply it works on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from botocore.model import OperationModel, ServiceModel

from registry.aws.errors import Fault, RequestError, ServiceError

Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Incoming:
    """An HTTP request as it arrived; header names are lower-case."""

    method: str
    path: str
    """The path as sent, percent-encoding included."""
    query: str
    """The query string as sent, without `?`."""
    headers: list[tuple[str, str]] = field(repr=False)
    secure: bool
    source_ip: str
    request_id: str
    body: bytearray = field(default_factory=bytearray, repr=False)

    def header(self, name: str) -> str | None:
        """The header's value. Raises RequestError (INCOMPLETE_SIGNATURE) if it is repeated.

        Whoever reads one value of several may read another than the one that was checked.
        """
        values = [value for key, value in self.headers if key == name]
        if len(values) > 1:
            message = f"the header '{name}' must not be repeated"
            raise RequestError(Fault.INCOMPLETE_SIGNATURE, message)
        return values[0].strip() if values else None

    def take_body(self) -> str:
        """The body as text, which is given up at the same time: bodies can be large.

        Raises RequestError (MALFORMED) unless it is UTF-8.
        """
        try:
            text = str(self.body, "utf-8")
        except UnicodeDecodeError:
            raise RequestError(Fault.MALFORMED, "the body is not UTF-8") from None
        self.body = bytearray()
        return text


@dataclass(frozen=True, slots=True)
class Message:
    """A request as far as a protocol reads it without a model."""

    operation: str
    document: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP response."""

    status: int
    headers: Headers
    body: bytes = field(repr=False)


class WireProtocol(Protocol):
    """The pair of a request reader and a response writer."""

    max_body: int
    """Longest body in bytes."""

    def read(self, incoming: Incoming) -> Message:
        """Operation and document, taking the body. Raises RequestError."""

    def parameters(self, operation: OperationModel, document: Any) -> dict[str, Any]:
        """The input by the model's member names. Raises RequestError (MALFORMED)."""

    def result(self, operation: OperationModel, value: Mapping[str, Any], request_id: str) -> Reply:
        """A successful answer. Raises shapes.Unfit."""

    def error(self, error: ServiceError, model: ServiceModel | None, request_id: str) -> Reply:
        """An error's answer."""

    def translate(self, error: RequestError) -> ServiceError:
        """A fault under this protocol's name for it."""


def reply(status: int, content_type: str, request_id: str, body: bytes, *extra: str) -> Reply:
    """A reply with the headers that every AWS answer has; `extra` is name, value, …"""
    named = ["content-type", content_type, "x-amzn-requestid", request_id, *extra]
    named += ["content-length", str(len(body))]
    encoded = [text.encode("latin-1") for text in named]
    return Reply(status, list(zip(encoded[::2], encoded[1::2], strict=True)), body)
