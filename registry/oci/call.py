"""One request under `/v2/`, once it is known who asks for what."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from registry.values.digest import Digest
from registry.values.errors import SizeInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.types import Receive

    from registry.domain.access import Circumstances
    from registry.domain.identities.identity import Identity
    from registry.values.scope import Scope


@dataclass(frozen=True, slots=True)
class Call:
    """What every endpoint is given."""

    request: Request
    receive: Receive
    user: Identity | None
    """None for an anonymous caller."""
    circumstances: Circumstances
    scope: Scope
    name: str
    """The repository's name; empty where the route has none."""
    parameters: Mapping[str, str]
    """The other parts of the path."""
    prefix: str = ""
    """What stands before the name in the path: where a public registry is."""
    by_scanner: bool = False
    """The server's own scanner reads the image that it is to scan."""

    def about(self, tag: str) -> Call:
        """The same request, as a condition on `ecr:ImageTag` sees it: about one of its tags."""
        if not tag:
            return self
        about = replace(self.circumstances, more={"ecr:imagetag": tag})
        return replace(self, circumstances=about)

    @property
    def owner(self) -> str:
        """Who an upload of this caller belongs to. Anonymous callers share one name."""
        return self.user.id if self.user is not None else "anonymous"

    @property
    def digest(self) -> Digest:
        """The digest in the path. Raises DigestInvalid."""
        return Digest.parse(self.parameters["digest"])

    def query(self, name: str) -> str | None:
        """A query parameter."""
        return self.request.query_params.get(name)

    def has(self, etag: str) -> bool:
        """Whether the client holds that content (If-None-Match, RFC 9110 section 13.1.2)."""
        given = self.request.headers.get("if-none-match", "")
        known = {part.strip().removeprefix("W/") for part in given.split(",")}
        return etag in known or "*" in known

    @property
    def content_length(self) -> int | None:
        """The announced length of the body in bytes; None where it is chunked.

        Raises SizeInvalid where the header is no number.
        """
        text = self.request.headers.get("content-length")
        if text is None:
            chunked = "chunked" in self.request.headers.get("transfer-encoding", "").lower()
            return None if chunked else 0
        if not text.isascii() or not text.isdigit() or len(text) > 19:
            raise SizeInvalid(f"Content-Length {text[:40]!r} is not a number of bytes")
        return int(text)

    def location(self, *parts: str) -> str:
        """A path in this repository.

        Relative to the server: true behind every proxy, and allowed by the distribution-spec.
        """
        return "/".join(
            (f"/v2/{self.prefix}{self.name}", *(quote(part, safe=":") for part in parts))
        )
