"""What is there: the version, repositories, tags, referrers.

Source: OCI distribution-spec, "Listing Tags", "Listing Referrers" (end-1, end-8, end-12); the
catalog is the Docker Registry HTTP API V2's.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from registry.oci.errors import VERSION
from registry.values.digest import Digest
from registry.values.errors import ParameterInvalid, RepositoryNotFound
from registry.values.manifest import OCI_INDEX, parse

if TYPE_CHECKING:
    from registry.domain.images import Images, Stored
    from registry.domain.repositories import Repositories
    from registry.oci.call import Call

PAGE_MAX = 1000
"""Entries in one answer at most; more are behind the Link header."""


class ListingEndpoints:
    """The endpoints that list."""

    def __init__(
        self, repositories: Repositories, images: Images, *, create_on_push: bool = False
    ) -> None:
        self._repositories = repositories
        self._images = images
        self._create_on_push = create_on_push

    async def version(self, _call: Call) -> Response:
        """`/v2/`: the caller is known and speaks to a registry."""
        return JSONResponse({}, headers=VERSION)

    async def catalog(self, call: Call) -> Response:
        """`/v2/_catalog`: names of repositories."""
        limit, last = _page(call)
        found = await run_in_threadpool(self._repositories.page, call.scope, last, limit + 1)
        names = [repository.name for repository in found]
        return _listed(call, "/v2/_catalog", {"repositories": names[:limit]}, names, limit)

    async def tags(self, call: Call) -> Response:
        """`/v2/<name>/tags/list`: tags in byte order."""
        limit, last = _page(call)
        repository = self._repositories.get(call.scope, call.name)
        names = await run_in_threadpool(self._images.tag_page, repository, last, limit + 1)
        answer = {"name": call.prefix + call.name, "tags": names[:limit]}
        return _listed(call, call.location("tags", "list"), answer, names, limit)

    async def referrers(self, call: Call) -> Response:
        """`/v2/<name>/referrers/<digest>`: descriptors of what names it as its subject."""
        digest, wanted = call.digest, call.query("artifactType")
        limit, last = _page(call)
        try:
            repository = self._repositories.get(call.scope, call.name)
        except RepositoryNotFound:
            # The spec forbids 404 here; what the next push would create is empty, not missing.
            if self._create_on_push:
                return _index([], wanted)
            raise
        found, more = await run_in_threadpool(
            self._images.referrers,
            repository,
            digest,
            str(Digest.parse(last)) if last else "",
            limit,
            artifact_types=() if wanted is None else (wanted,),
        )
        response = _index([_descriptor(stored) for stored in found], wanted)
        if found and more:
            kept = {"artifactType": wanted} if wanted is not None else {}
            path = call.location("referrers", str(digest))
            response.headers["Link"] = _next(path, limit, str(found[-1].image.digest), kept)
        return response


def _index(shown: list[dict[str, Any]], artifact_type: str | None) -> Response:
    """The answer to a listing of referrers."""
    body = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": shown}
    response = Response(json.dumps(body), headers=VERSION, media_type=OCI_INDEX)
    if artifact_type is not None:
        response.headers["OCI-Filters-Applied"] = "artifactType"
    return response


def _page(call: Call) -> tuple[int, str]:
    """How many entries to give, behind which one. Raises ParameterInvalid."""
    text = call.query("n")
    if text is not None and (not text.isascii() or not text.isdigit() or len(text) > 9):
        raise ParameterInvalid(f"the query parameter n is {text[:40]!r}, not a number")
    return min(int(text or PAGE_MAX), PAGE_MAX), call.query("last") or ""


def _listed(
    _call: Call, path: str, answer: dict[str, Any], names: list[str], limit: int
) -> Response:
    response = JSONResponse(answer, headers=VERSION)
    if 0 < limit < len(names):
        response.headers["Link"] = _next(path, limit, names[limit - 1], {})
    return response


def _next(path: str, limit: int, last: str, more: dict[str, str]) -> str:
    """A Link header (RFC 8288) to the next page."""
    query = urlencode({**more, "n": limit, "last": last})
    return f'<{path}?{query}>; rel="next"'


def _descriptor(stored: Stored) -> dict[str, Any]:
    image, manifest = stored.image, parse(stored.content, stored.image.media_type)
    found: dict[str, Any] = {
        "mediaType": image.media_type,
        "digest": str(image.digest),
        "size": len(stored.content),
    }
    if manifest.artifact_type:
        found["artifactType"] = manifest.artifact_type
    if manifest.annotations:
        found["annotations"] = manifest.annotations
    return found
