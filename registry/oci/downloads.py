"""`/layers/<digest>?token=…`: what the links of ECR's GetDownloadUrlForLayer lead to.

The link stands for its caller: no header is needed, and everything else is as under `/v2/`,
ranges too. It is decided anew at each use whether that caller may still have the layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request

from registry.domain.access import Circumstances
from registry.oci.call import Call
from registry.oci.errors import envelope, response
from registry.values.errors import Denied, MoorageError, RepositoryNotFound

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Receive, Send
    from starlette.types import Scope as AsgiScope

    from registry.domain.access import Access
    from registry.domain.downloads import Download, Downloads
    from registry.domain.repositories import Repositories
    from registry.oci.blobs import BlobEndpoints

ACTION = "ecr:GetDownloadUrlForLayer"


class DownloadApp:
    """Serves layers to whoever has a link."""

    def __init__(
        self, downloads: Downloads, access: Access, repositories: Repositories, blobs: BlobEndpoints
    ) -> None:
        self._downloads = downloads
        self._access = access
        self._repositories = repositories
        self._blobs = blobs

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        request.state.surface = "oci"
        request.state.operation = "DownloadLayer"
        try:
            answer = await self._serve(request, receive)
        except MoorageError as error:
            answer = response(error, request)
        await answer(scope, receive, send)

    async def _serve(self, request: Request, receive: Receive) -> Response:
        if request.method not in ("GET", "HEAD"):
            message = f"{request.method} is not served here; GET, HEAD is"
            return envelope(405, "UNSUPPORTED", message, {"Allow": "GET, HEAD"})
        digest = request.url.path.rpartition("/")[2]
        link = self._link(request, digest)
        call = _call(request, receive, link, digest)
        request.state.principal = link.proven.identity.arn
        request.state.repository_kind = "private"
        arn = link.scope.repository_arn(link.repository_name)
        self._access.require(call.user, (ACTION,), arn, call.circumstances)
        if self._repositories.get(link.scope, link.repository_name).id != link.repository_id:
            raise RepositoryNotFound(link.repository_name, link.scope.account)
        serve = self._blobs.get if request.method == "GET" else self._blobs.head
        return await serve(call)

    def _link(self, request: Request, digest: str) -> Download:
        tokens = request.query_params.getlist("token")
        try:
            return self._downloads.open(tokens[0] if len(tokens) == 1 else "", digest)
        except Denied as error:
            circumstances = _circumstances(request, None, digest)
            self._access.refused(ACTION, "*", circumstances, "AccessDenied", str(error))
            raise


def _call(request: Request, receive: Receive, link: Download, digest: str) -> Call:
    return Call(
        request=request,
        receive=receive,
        user=link.proven.identity,
        circumstances=_circumstances(request, link, digest),
        scope=link.scope,
        name=link.repository_name,
        parameters={"digest": digest},
    )


def _circumstances(request: Request, link: Download | None, digest: str) -> Circumstances:
    return Circumstances(
        source_ip=request.client.host if request.client else "",
        secure=request.scope["scheme"] == "https",
        user_agent=request.headers.get("user-agent", ""),
        request_id=getattr(request.state, "request_id", ""),
        access_key_id="" if link is None else link.proven.credential.access_key_id,
        parameters={"layerDigest": digest},
    )
