"""The password of `docker login`, where a browser or curl asks for something to read.

Only what is browsable takes it: reading, never changing, so that a page of someone else's can
do nothing with what a browser remembers.

Source: RFC 7617 (Basic); ECR User Guide, "Private registry authentication" (HTTP API).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from registry.api.routes import Document
from registry.values.errors import TokenExpired, Unauthenticated

if TYPE_CHECKING:
    from registry.api.routes import Route
    from registry.aws.context import Caller
    from registry.aws.protocol import Incoming
    from registry.values.scope import Hosts, Scope

_CHALLENGE = (("www-authenticate", 'Basic realm="Moorage: user AWS", charset="UTF-8"'),)


class Passwords:
    """Who such a password names, and which registry the host name means."""

    def __init__(self, find: Callable[[str], Caller], hosts: Hosts) -> None:
        """`find` opens the credentials of a Basic header. It raises Unauthenticated."""
        self._find = find
        self._hosts = hosts

    def meant(self, incoming: Incoming, routes: Sequence[Route]) -> bool:
        """Whether the request is one for a browsable route, with such a password or with nothing.

        Where nothing is sent the browser is told to ask for it.
        """
        given = incoming.header("authorization")
        if given is None and "X-Amz-" in incoming.query:
            return False
        if given is not None and given.partition(" ")[0].lower() != "basic":
            return False
        path = unquote(incoming.path)
        return any(
            each.browsable and each.method == incoming.method and each.match(path) is not None
            for each in routes
        )

    def prove(self, incoming: Incoming) -> tuple[Caller, Scope]:
        """Whose password it is. Raises Unauthenticated, TokenExpired."""
        given = incoming.header("authorization")
        if given is None:
            raise Unauthenticated("Not Authorized")
        caller = self._find(given.partition(" ")[2].strip())
        return caller, self._hosts.scope(incoming.header("host") or "")


def challenge(error: Unauthenticated | TokenExpired) -> tuple[int, Document]:
    """The answer that makes a browser ask for the password."""
    message = "the user is AWS, the password what `aws ecr get-login-password` says"
    if isinstance(error, TokenExpired):
        message = str(error)
    body = json.dumps({"code": type(error).__name__, "message": message}).encode() + b"\n"
    return 401, Document("application/json", body, _CHALLENGE)
