"""`/token/`: how docker gets in where only public registries are.

`/v2/` there answers 401 with a Bearer challenge, as public.ecr.aws does, because docker asks it
before it pulls and gives up at a Basic challenge if nobody has logged in. Whoever has no password
gets a token that stands for nobody; whoever has one gets it back as the token.

Source: the Distribution project's "Token Authentication Specification"; RFC 6750.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from registry.domain.access import Circumstances
from registry.oci.errors import challenge, envelope, response
from registry.values.errors import MoorageError, TokenExpired, Unauthenticated

if TYPE_CHECKING:
    from starlette.types import Receive, Send
    from starlette.types import Scope as AsgiScope

    from registry.domain.access import Access
    from registry.domain.public.addresses import Addresses
    from registry.domain.tokens import Tokens

NOBODY = "anonymous"
"""The token of whoever has no password. It is no secret and gives no right."""
SECONDS = 300
"""After which a client asks for another; the password in it may live longer."""
LOGIN = "ecr-public:Login"
"""What the audit log calls it: AWS has no action for it."""


def is_anonymous(request: Request) -> bool:
    """Whether a request for a public registry brings the token that stands for nobody."""
    given = request.headers.getlist("authorization")
    return bool(request.state.bearer) and given == [f"Bearer {NOBODY}"]


class TokenApp:
    """Gives tokens for passwords."""

    def __init__(self, tokens: Tokens, access: Access, addresses: Addresses) -> None:
        self._tokens = tokens
        self._access = access
        self._addresses = addresses

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        request.state.surface = "oci"
        request.state.operation = "Token"
        await self._answer(request)(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        public = self._addresses.is_public(request.headers.get("host", ""))
        if not public or request.url.path not in ("/token", "/token/"):
            return envelope(404, "UNSUPPORTED", "nothing is served at this path")
        if request.method not in ("GET", "HEAD"):
            message = f"{request.method} is not served here; GET is"
            return envelope(405, "UNSUPPORTED", message, {"Allow": "GET, HEAD"})
        try:
            token = self._token(request)
        except MoorageError as error:
            self._refused(request, error)
            return (
                challenge(request)
                if isinstance(error, Unauthenticated)
                else response(error, request)
            )
        body = {"token": token, "access_token": token, "expires_in": SECONDS}
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    def _token(self, request: Request) -> str:
        """Raises Unauthenticated, TokenExpired."""
        given = request.headers.getlist("authorization")
        if not given:
            return NOBODY
        scheme, _, credentials = given[0].partition(" ")
        if len(given) > 1 or scheme.lower() != "basic":
            raise Unauthenticated("Not Authorized")
        return self._tokens.password_of(credentials.strip())

    def _refused(self, request: Request, error: MoorageError) -> None:
        circumstances = Circumstances(
            source_ip=request.client.host if request.client else "",
            secure=request.scope["scheme"] == "https",
            user_agent=request.headers.get("user-agent", ""),
            request_id=getattr(request.state, "request_id", ""),
        )
        code = "TokenExpired" if isinstance(error, TokenExpired) else "Unauthenticated"
        self._access.refused(LOGIN, "*", circumstances, code, str(error))
