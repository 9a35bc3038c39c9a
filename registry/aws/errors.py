"""Errors of the AWS wire: those of an operation, and those around it.

`ServiceError` is what one operation's model knows (`RepositoryNotFoundException`).
`RequestError` is what can happen to a request of any service; its `Fault` has a code and a
status in each protocol. Sources: "Common Error Types" in the API references of ECR (JSON)
and STS (query).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal, NamedTuple

Blame = Literal["Sender", "Receiver"]


class Code(NamedTuple):
    """How one protocol names a fault."""

    name: str
    status: int


class _Names(NamedTuple):
    json: Code
    query: Code


def _names(json: str, json_status: int, query: str, query_status: int) -> _Names:
    return _Names(Code(json, json_status), Code(query, query_status))


class Fault(Enum):
    """What can be wrong with any request, or with the server, whatever the operation."""

    MISSING_TOKEN = _names(
        "MissingAuthenticationTokenException", 400, "MissingAuthenticationToken", 403
    )
    INCOMPLETE_SIGNATURE = _names("IncompleteSignatureException", 400, "IncompleteSignature", 400)
    UNKNOWN_KEY = _names("UnrecognizedClientException", 400, "InvalidClientTokenId", 403)
    BAD_SIGNATURE = _names("InvalidSignatureException", 400, "SignatureDoesNotMatch", 403)
    TOKEN_EXPIRED = _names("ExpiredTokenException", 400, "ExpiredToken", 403)
    REQUEST_EXPIRED = _names("RequestExpired", 400, "RequestExpired", 400)
    UNKNOWN_OPERATION = _names("UnknownOperationException", 400, "InvalidAction", 400)
    MISSING_ACTION = _names("UnknownOperationException", 400, "MissingAction", 400)
    MALFORMED = _names("SerializationException", 400, "MalformedInput", 400)
    MALFORMED_QUERY = _names("SerializationException", 400, "MalformedQueryString", 400)
    INVALID = _names("ValidationException", 400, "ValidationError", 400)
    DENIED = _names("AccessDeniedException", 400, "AccessDenied", 403)
    TOO_LARGE = _names("RequestEntityTooLarge", 413, "RequestEntityTooLarge", 413)
    TOO_SLOW = _names("RequestTimeout", 408, "RequestTimeout", 408)
    METHOD = _names("MethodNotAllowed", 405, "MethodNotAllowed", 405)
    UNAVAILABLE = _names("ServiceUnavailable", 503, "ServiceUnavailable", 503)
    INTERNAL = _names("InternalFailure", 500, "InternalFailure", 500)


class RequestError(Exception):
    """A fault, and the message that the client gets to read."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault
        self.message = message


class ServiceError(Exception):
    """An error as it goes over the wire.

    `extra` holds further members of the error's shape, by the model's names; `code` and
    `message` cannot be overridden by them.
    """

    def __init__(
        self,
        code: str,
        message: str,
        status: int = 400,
        fault: Blame = "Sender",
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fault: Blame = fault
        self.extra: Mapping[str, Any] = extra or {}


def service_error(code: Code, message: str) -> ServiceError:
    """The wire error of a fault under one protocol's name for it."""
    blame: Blame = "Receiver" if code.status >= 500 else "Sender"
    return ServiceError(code.name, message, code.status, blame)
