"""Domain errors as answers: a status, and a code that is the error's own name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from registry.aws.errors import RequestError
from registry.values import errors

_STATUS: tuple[tuple[type[errors.MoorageError], int], ...] = (
    (errors.Invalid, 400),
    (errors.Refused, 403),
    (errors.NotFound, 404),
    (errors.Conflict, 409),
    (errors.KeyServiceUnavailable, 503),
    (errors.KeyUnavailable, 403),
    (errors.Unavailable, 503),
    (errors.MoorageError, 500),
)


def answer_of(error: Exception) -> tuple[int, Mapping[str, Any]] | None:
    """Status and document; None for an error that is not ours."""
    if isinstance(error, RequestError):
        code = error.fault.value.query
        return code.status, {"code": code.name, "message": error.message}
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return status, {"code": type(error).__name__, "message": str(error)}
    return None
