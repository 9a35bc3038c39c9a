"""The protocol's error envelope, made in one place.

Source: OCI distribution-spec, "Error Codes"; the texts and statuses of ECR where it differs
(401 with a Basic challenge and a plain text body, 403 DENIED for an expired token).
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, PlainTextResponse, Response

from registry.values import errors, fetching
from registry.values.gating import GateRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

VERSION = {"Docker-Distribution-Api-Version": "registry/2.0"}

TABLE: tuple[tuple[type[errors.MoorageError], int, str], ...] = (
    (errors.NameInvalid, 400, "NAME_INVALID"),
    (errors.TagInvalid, 400, "TAG_INVALID"),
    (errors.DigestInvalid, 400, "DIGEST_INVALID"),
    (errors.SizeInvalid, 400, "SIZE_INVALID"),
    (errors.RangeInvalid, 416, "BLOB_UPLOAD_INVALID"),
    (errors.ManifestTooLarge, 413, "MANIFEST_INVALID"),
    (errors.ManifestReferenceUnknown, 400, "MANIFEST_BLOB_UNKNOWN"),
    (errors.ManifestInvalid, 400, "MANIFEST_INVALID"),
    (errors.Invalid, 400, "UNSUPPORTED"),
    (errors.RepositoryNotFound, 404, "NAME_UNKNOWN"),
    (errors.ImageNotFound, 404, "MANIFEST_UNKNOWN"),
    (errors.BlobNotFound, 404, "BLOB_UNKNOWN"),
    (errors.UploadNotFound, 404, "BLOB_UPLOAD_UNKNOWN"),
    (errors.NotFound, 404, "NAME_UNKNOWN"),
    (errors.TagImmutable, 400, "TAG_INVALID"),
    (errors.UploadConflict, 416, "BLOB_UPLOAD_INVALID"),
    (errors.ImageReferenced, 405, "UNSUPPORTED"),
    (errors.BlobReferenced, 405, "UNSUPPORTED"),
    (errors.Protected, 403, "DENIED"),
    (errors.QuotaExceeded, 403, "DENIED"),
    (errors.Conflict, 409, "DENIED"),
    (errors.TokenExpired, 403, "DENIED"),
    (errors.Denied, 403, "DENIED"),
    (GateRefused, 403, "DENIED"),
    (fetching.UpstreamDenied, 403, "DENIED"),
    (errors.StorageFull, 507, "UNAVAILABLE"),
    (errors.KeyServiceUnavailable, 503, "UNAVAILABLE"),
    (errors.KeyUnavailable, 403, "DENIED"),
    (fetching.UpstreamBusy, 429, "TOOMANYREQUESTS"),
    (fetching.UpstreamFailed, 502, "UNAVAILABLE"),
    (errors.Unavailable, 503, "UNAVAILABLE"),
    (errors.Damaged, 500, "UNKNOWN"),
    (errors.Interrupted, 400, "SIZE_INVALID"),
)
"""First match wins."""

_HOST = re.compile(r"(?:[A-Za-z0-9_.-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?", re.ASCII)
"""Name or address, and port (RFC 9110, 7.2)."""

_log = logging.getLogger("moorage.oci")


def response(error: errors.MoorageError, request: Request) -> Response:
    """The error as the protocol says it."""
    if isinstance(error, errors.Unauthenticated):
        return challenge(request)
    status, code = _code(error)
    if status >= 500:
        _log.error("%s: %s", code, error, extra={"fields": _request_id(request)})
    detail = error.detail if isinstance(error, GateRefused) else None
    return envelope(status, code, str(error), detail=detail)


def envelope(
    status: int,
    code: str,
    message: str,
    headers: Mapping[str, str] | None = None,
    *,
    detail: Mapping[str, object] | None = None,
) -> Response:
    """One error in the protocol's form."""
    body = {"errors": [{"code": code, "message": message, "detail": detail}]}
    return JSONResponse(body, status, headers={**VERSION, **(headers or {})})


def challenge(request: Request) -> Response:
    """401, asking for Basic credentials as ECR does, or for a token as ECR Public does.

    A Host that is none is not repeated.
    """
    host = request.headers.get("host", "")
    realm = f"{request.scope['scheme']}://{host if _HOST.fullmatch(host) else ''}/"
    how = f'Basic realm="{realm}",service="ecr.amazonaws.com"'
    if getattr(request.state, "bearer", False):
        how = f'Bearer realm="{realm}token/",service="public",scope="aws"'
    headers = {**VERSION, "WWW-Authenticate": how}
    return PlainTextResponse("Not Authorized\n", 401, headers=headers)


def _code(error: errors.MoorageError) -> tuple[int, str]:
    for kind, status, code in TABLE:
        if isinstance(error, kind):
            return status, code
    return 500, "UNKNOWN"


def _request_id(request: Request) -> dict[str, str]:
    return {"request_id": getattr(request.state, "request_id", "")}
