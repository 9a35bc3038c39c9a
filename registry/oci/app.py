"""The way of every request under `/v2/`, top to bottom.

path          which route, or 404 / 405
credentials   whose token, or 401
names         the repository's name against its grammar
access        the route's IAM actions on the repository, or 403
endpoint      does it; domain errors become the protocol's
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from registry.domain.access import Circumstances
from registry.domain.public.access import PULL
from registry.oci.bearer import is_anonymous
from registry.oci.call import Call
from registry.oci.errors import envelope, response
from registry.oci.routes import CATALOG, Route
from registry.values.digest import shown
from registry.values.errors import (
    Denied,
    MoorageError,
    NameInvalid,
    NotFound,
    RepositoryExists,
    RepositoryNotFound,
    TokenExpired,
    Unauthenticated,
)
from registry.values.reference import repository_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import Receive, Send
    from starlette.types import Scope as AsgiScope

    from registry.domain.access import Access
    from registry.domain.identities.identity import Proven
    from registry.domain.public.addresses import Addresses
    from registry.domain.repositories import Repositories
    from registry.domain.tagged import TagsOf
    from registry.domain.tokens import Tokens
    from registry.domain.upstreams.mirrors import Mirrors
    from registry.oci.scanner import ScannerDoor
    from registry.values.scope import Scope

CREATE = ("ecr:CreateRepository",)
EMPTY = "Basic Og=="
"""No name and no password: what skopeo and podman send when nobody has logged in."""
LOGIN = "ecr:Login"
"""What the audit log calls `GET /v2/`: AWS has no action for it."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A request and its route."""

    request: Request
    receive: Receive
    route: Route
    parameters: Mapping[str, str]


class OciApp:
    """The OCI distribution protocol as an ASGI application."""

    def __init__(
        self,
        routes: tuple[Route, ...],
        *,
        tokens: Tokens,
        access: Access,
        repositories: Repositories,
        addresses: Addresses,
        tags_of: TagsOf,
        mirrors: Mirrors,
        create_on_push: Callable[[Scope, str], object] | None = None,
        scanner: ScannerDoor | None = None,
    ) -> None:
        """`create_on_push` makes the repository of a push; None where the push is to fail."""
        self._scanner = scanner
        self._routes = routes
        self._tokens = tokens
        self._access = access
        self._repositories = repositories
        self._addresses = addresses
        self._tags_of = tags_of
        self._mirrors = mirrors
        self._create_on_push = create_on_push

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        request.state.surface = "oci"
        request.state.bearer = self._addresses.is_public(_host(request))
        try:
            answer = await self._serve(request, receive)
        except MoorageError as error:
            answer = response(error, request)
        await answer(scope, receive, send)

    async def _serve(self, request: Request, receive: Receive) -> Response:
        path = _path(request)
        allowed: dict[str, None] = {}
        for route in self._routes:
            match = route.path.fullmatch(path)
            if match is None:
                continue
            if route.method == request.method:
                return await self._authorized(_Found(request, receive, route, match.groupdict()))
            allowed[route.method] = None
        self._credentials(request)
        if not allowed:
            return envelope(404, "UNSUPPORTED", "nothing is served at this path")
        message = f"{request.method} is not served here; {', '.join(allowed)} is"
        return envelope(405, "UNSUPPORTED", message, {"Allow": ", ".join(allowed)})

    async def _authorized(self, found: _Found) -> Response:
        request, route = found.request, found.route
        request.state.operation = route.operation
        if self._scanner is not None and (credentials := self._pass(request)):
            return await self._scanned(found, self._scanner, credentials)
        call = self._call(found)
        identity = call.user
        request.state.principal = identity.arn if identity else None
        if call.name:
            request.state.repository_kind = "public" if call.scope.is_public else "private"
            repository_name(call.name)
        try:
            for tag in await self._image_tags(found, call) or [""]:
                self._decide(call.about(tag), route)
        except Denied:
            if identity is None:
                raise Unauthenticated("Not Authorized") from None
            raise
        if route.anonymous:
            self._require_rule(found, call)
        if route.creates and self._create_on_push is not None and not call.scope.is_public:
            await self._create(call, self._create_on_push)
        return await route.endpoint(call)

    def _pass(self, request: Request) -> str | None:
        values = request.headers.getlist("authorization")
        door = self._scanner
        return door.credentials(values[0]) if door is not None and len(values) == 1 else None

    async def _scanned(self, found: _Found, door: ScannerDoor, credentials: str) -> Response:
        """Serve the server's own scanner."""
        request, parameters = found.request, dict(found.parameters)
        request.state.principal = "moorage scanner"
        circumstances = _circumstances(found, None)
        granted = await door.admit(credentials, found.route, parameters, circumstances)
        request.state.repository_kind = "private"
        call = Call(
            request=request,
            receive=found.receive,
            user=None,
            circumstances=circumstances,
            scope=granted.scope,
            name=granted.repository,
            parameters=parameters,
            by_scanner=True,
        )
        return await found.route.endpoint(call)

    async def _image_tags(self, found: _Found, call: Call) -> list[str]:
        """The tags that a request is about; it must be allowed for each.

        Only a push takes tags from the query: on a pull by digest they would be the client's
        word for what it pulls. Deleting by digest deletes every tag of the image.
        """
        reference = found.parameters.get("reference", "")
        if reference and ":" not in reference:
            return [reference]
        if reference and found.route.method == "PUT":
            return found.request.query_params.getlist("tag")
        if reference and found.route.method == "DELETE":
            return await run_in_threadpool(self._tags_of, call.scope, call.name, reference)
        return []

    def _decide(self, call: Call, route: Route) -> None:
        """Raise Denied. What anybody may pull is decided as for anybody, whoever asks."""
        resource = _resource(call.scope, call.name, route)
        if not call.scope.is_public:
            self._require(call, route.actions, resource)
        elif route.anonymous:
            self._access.require(None, (PULL,), resource, call.circumstances)
        else:
            self._require(call, tuple(map(call.scope.action, route.actions)), resource)

    def _require(self, call: Call, actions: tuple[str, ...], resource: str) -> None:
        self._access.require(call.user, actions, resource, call.circumstances)

    def _call(self, found: _Found) -> Call:
        """Who asks for what. Raises Unauthenticated, TokenExpired."""
        proven = self._proven(found)
        place = self._addresses.find(_host(found.request), found.parameters.get("name") or "")
        name = place.name
        if found.route.anonymous:  # a pull: it may mean another registry that this one stands for
            namespace = found.request.query_params.get("ns")
            name = self._mirrors.name(place.scope, name, namespace)
        return Call(
            request=found.request,
            receive=found.receive,
            user=None if proven is None else proven.identity,
            circumstances=_circumstances(found, proven),
            scope=place.scope,
            name=name,
            parameters=found.parameters,
            prefix=place.prefix,
        )

    def _require_rule(self, found: _Found, call: Call) -> None:
        """Raise NotFound for a pull of another registry that nothing here stands for."""
        namespace = found.request.query_params.get("ns")
        host = _host(found.request)
        if self._mirrors.foreign(call.scope, found.parameters["name"], namespace, host):
            raise NotFound(
                f"no pull through cache rule of this registry has {shown(namespace or '')} as its"
                " upstream"
            )

    def _proven(self, found: _Found) -> Proven | None:
        """Whose token the request brings; None for an anonymous caller, where one may ask."""
        if found.request.headers.get("authorization", EMPTY) == EMPTY:
            if found.route.anonymous:
                return None
            raise Unauthenticated("Not Authorized")
        if is_anonymous(found.request):
            return None
        try:
            return self._credentials(found.request)
        except (Unauthenticated, TokenExpired) as error:
            self._refused(found, error)
            raise

    def _credentials(self, request: Request) -> Proven:
        values = request.headers.getlist("authorization")
        if len(values) != 1:
            raise Unauthenticated("Not Authorized")
        scheme, _, credentials = values[0].partition(" ")
        if scheme.lower() == "bearer" and request.state.bearer:
            return self._tokens.open(credentials.strip())
        if scheme.lower() != "basic":
            raise Unauthenticated("Not Authorized")
        return self._tokens.from_basic(credentials.strip())

    def _refused(self, found: _Found, error: MoorageError) -> None:
        """Record credentials that were refused."""
        route, resource, action = found.route, "*", LOGIN
        with suppress(RepositoryNotFound):
            place = self._addresses.find(_host(found.request), found.parameters.get("name") or "")
            resource = _resource(place.scope, place.name, route)
            action = place.scope.action(route.actions[-1]) if route.actions else LOGIN
        circumstances = _circumstances(found, None)
        self._access.refused(action, resource, circumstances, type(error).__name__, str(error))

    async def _create(self, call: Call, create: Callable[[Scope, str], object]) -> None:
        """Make the repository of a push, if it is missing and the caller may."""
        try:
            self._repositories.get(call.scope, call.name)
        except RepositoryNotFound as missing:
            arn = call.scope.repository_arn(call.name)
            try:
                self._require(call, CREATE, arn)
            except Denied:
                raise missing from None
            with suppress(RepositoryExists):  # another push may be quicker
                await run_in_threadpool(create, call.scope, call.name)


def _host(request: Request) -> str:
    return request.headers.get("host", "")


def _resource(scope: Scope, name: str, route: Route) -> str:
    """The ARN that a request is about."""
    if name or route.path is CATALOG:
        return scope.repository_arn(name or "*")
    return "*"


def _circumstances(found: _Found, proven: Proven | None) -> Circumstances:
    request = found.request
    return Circumstances(
        source_ip=request.client.host if request.client else "",
        secure=request.scope["scheme"] == "https",
        user_agent=request.headers.get("user-agent", ""),
        request_id=getattr(request.state, "request_id", ""),
        access_key_id="" if proven is None else proven.credential.access_key_id,
        parameters=_shown(found),
    )


def _shown(found: _Found) -> dict[str, str]:
    """What the audit log shows of the request beside the repository and the tag."""
    digest = found.parameters.get("digest") or found.parameters.get("reference", "")
    shown = {"imageDigest": digest} if ":" in digest else {}
    upload = found.parameters.get("upload")
    return {**shown, "uploadId": upload} if upload else shown


def _path(request: Request) -> str:
    """The path as the client wrote it.

    Names, tags and digests need no percent-encoding but for the colon of a digest, which some
    clients encode. Anything else encoded (a slash, a dot, a letter) could mean one thing to a
    proxy's rules and another here: refused. Raises NameInvalid.
    """
    raw: bytes = request.scope["raw_path"].partition(b"?")[0]
    plain = raw.replace(b"%3A", b":").replace(b"%3a", b":")
    if b"%" in plain:
        shown = unquote_to_bytes(plain)[:80]
        raise NameInvalid(f"percent-encoding is not allowed in this path: {shown!r}")
    return plain.decode("latin-1")
