"""The gallery as an ASGI application.

/gallery?q=…                  all public repositories, as a page
/gallery.json?q=…             the same as JSON
/gallery/r/<alias>/<name>     one of them
/gallery/logo/<alias>/<name>  its logo
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from registry.domain.access import Circumstances
from registry.gallery import pages
from registry.gallery.style import HEADERS
from registry.values.errors import Invalid, NotFound

if TYPE_CHECKING:
    from starlette.types import Receive, Send
    from starlette.types import Scope as AsgiScope

    from registry.domain.public.tags import TagDetails
    from registry.gallery.listing import Listing

TAGS = 50
"""Tags on a repository's page, the latest first."""

_ONE = re.compile(r"/gallery/(?P<kind>r|logo)/(?P<alias>[^/]+)/(?P<name>.+)")


class GalleryApp:
    """Serves pages to anybody."""

    def __init__(self, listing: Listing, tags: TagDetails) -> None:
        self._listing = listing
        self._tags = tags

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        request.state.surface = "gallery"
        request.state.operation = "Gallery"
        if request.method not in ("GET", "HEAD"):
            answer: Response = Response(status_code=405, headers={"Allow": "GET, HEAD"})
        else:
            answer = await run_in_threadpool(self._answer, request)
        answer.headers.update(HEADERS)
        await answer(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        try:
            return self._found(request)
        except NotFound:
            return HTMLResponse(pages.missing(), 404)
        except Invalid as error:
            return JSONResponse({"message": str(error)}, 400)

    def _found(self, request: Request) -> Response:
        path = request.url.path.rstrip("/")
        if path in ("/gallery", "/gallery.json"):
            return self._list(request, as_json=path.endswith(".json"))
        match = _ONE.fullmatch(path)
        if match is None:
            return HTMLResponse(pages.missing(), 404)
        request.state.repository_kind = "public"
        repository = self._listing.find(match["alias"], match["name"], _circumstances(request))
        if match["kind"] == "r":
            entry = self._listing.entry(repository, request.headers.get("host", ""))
            tags = self._tags.latest(repository, TAGS)
            return HTMLResponse(pages.repository(entry, tags))
        logo = self._listing.logo(repository)
        if logo is None:
            return HTMLResponse(pages.missing(), 404)
        return Response(logo[0], media_type=logo[1])

    def _list(self, request: Request, *, as_json: bool) -> Response:
        given, host = request.query_params, request.headers.get("host", "")
        search = given.get("q", "")
        found, following = self._listing.page(
            search, given.get("next"), host, _circumstances(request)
        )
        if not as_json:
            return HTMLResponse(pages.listing(found, search, following))
        return JSONResponse(
            {"repositories": [entry.described() for entry in found], "next": following}
        )


def _circumstances(request: Request) -> Circumstances:
    return Circumstances(
        source_ip=request.client.host if request.client else "",
        secure=request.scope["scheme"] == "https",
        user_agent=request.headers.get("user-agent", ""),
        request_id=getattr(request.state, "request_id", ""),
    )
