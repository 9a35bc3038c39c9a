"""Manifests and blobs of other registries; nothing is given on that is not what it is to be.

Source: OCI distribution-spec, "Pull".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from registry.upstream.addresses import Trusted
from registry.upstream.authentication import Source, Tokens
from registry.upstream.connection import Connections
from registry.upstream.exchange import BrokenOff, Exchange, Reply
from registry.values.digest import Digest
from registry.values.errors import BlobNotFound, DigestInvalid, ImageNotFound
from registry.values.fetching import UpstreamBusy, UpstreamDenied, UpstreamFailed
from registry.values.manifest import IMAGES, INDEXES, SIZE_MAX

if TYPE_CHECKING:
    from registry.upstream.addresses import Address

TRIES = 4
"""How often a blob is gone on with, from where it broke off."""
_ACCEPT = ", ".join(sorted(INDEXES) + sorted(IMAGES))
_NAMED = "docker-content-digest"


@dataclass(frozen=True, slots=True)
class Content:
    """A manifest as it came."""

    body: bytes = field(repr=False)
    media_type: str
    digest: Digest


class Client:
    """Asks upstream registries. For several threads at once."""

    def __init__(self, trusted: Trusted, seconds: float) -> None:
        """`seconds` is how long an upstream may stand still."""
        self._trusted = trusted
        self._exchange = Exchange(Connections(trusted, seconds), trusted)
        self._tokens = Tokens(self._exchange, trusted)

    def address(self, url: str) -> Address:
        """Where the `upstreamRegistryUrl` of a rule leads. Raises UpstreamUnsupported."""
        return self._trusted.address(url)

    def check(self, source: Source) -> None:
        """Raise UpstreamFailed or UpstreamDenied unless it is a registry that lets us in."""
        reply = self._ask("GET", source, "", "/v2/")
        reply.close()
        if reply.status != 200:
            raise _refusal(reply, "") or UpstreamFailed(f"{reply.address} is no registry")

    def digest(self, source: Source, name: str, reference: str) -> Digest | None:
        """The digest of a manifest, None where only its bytes would tell.

        Raises ImageNotFound, UpstreamFailed, UpstreamDenied.
        """
        headers = {"Accept": _ACCEPT}
        reply = self._ask("HEAD", source, name, f"/v2/{name}/manifests/{reference}", headers)
        reply.close()
        self._check(reply, name, _unknown(reply, name, reference))
        return _announced(reply)

    def manifest(self, source: Source, name: str, reference: Digest | str) -> Content:
        """A manifest; of a digest, the one that has it.

        Raises ImageNotFound, UpstreamFailed, UpstreamDenied.
        """
        headers = {"Accept": _ACCEPT}
        reply = self._ask("GET", source, name, f"/v2/{name}/manifests/{reference}", headers)
        body = reply.read(SIZE_MAX)
        self._check(reply, name, _unknown(reply, name, str(reference)))
        wanted = reference if isinstance(reference, Digest) else _announced(reply)
        actual = Digest.of(body, wanted.algorithm) if wanted else Digest.of(body)
        if wanted is not None and wanted != actual:
            raise UpstreamFailed(f"{reply.address} gives other bytes than those of {wanted}")
        return Content(body, reply.header("content-type"), actual)

    def blob(self, source: Source, name: str, digest: Digest, size: int) -> Iterator[bytes]:
        """The bytes of a blob that is to have `size`; whether they have its digest is not checked.

        The first item is empty: it comes as soon as the upstream has begun to answer. Where it
        breaks off, it is gone on with. Raises BlobNotFound, UpstreamFailed, UpstreamDenied.
        """
        got, tries = 0, 0
        while True:
            try:
                for chunk in self._from(source, name, digest, got, size):
                    got += len(chunk)
                    yield chunk
                if got == size:
                    return
                problem = BrokenOff(f"{source.address} ends {digest} after {got} bytes")
            except BrokenOff as error:
                problem = error
            tries += 1
            if got == 0 or tries == TRIES:
                raise problem

    def _from(
        self, source: Source, name: str, digest: Digest, start: int, size: int
    ) -> Iterator[bytes]:
        headers = {"Range": f"bytes={start}-"} if start else {}
        reply = self._ask("GET", source, name, f"/v2/{name}/blobs/{digest}", headers)
        try:
            missing = BlobNotFound(f"{reply.address} has no blob {digest} in {name!r}")
            self._check(reply, name, missing, 206 if start else 200)
            if reply.length is not None and reply.length != size - start:
                raise UpstreamFailed(
                    f"{reply.address} gives {start + reply.length} bytes as {digest}, which has"
                    f" {size}"
                )
            yield b""
            yield from _bounded(reply, size - start, digest)
        finally:
            reply.close()

    def _ask(
        self,
        method: str,
        source: Source,
        name: str,
        target: str,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """The answer, once the upstream knows who asks."""
        key = source, name
        given = dict(headers or {})
        if (header := self._tokens.known(key)) is not None:
            given["Authorization"] = header
        reply = self._exchange.send(method, source.address, target, given)
        if reply.status != 401:
            return reply
        reply.close()
        self._tokens.forget(key)
        given["Authorization"] = self._tokens.answer(key, reply)
        reply = self._exchange.send(method, source.address, target, given)
        if reply.status == 401:
            self._tokens.forget(key)
        return reply

    def _check(self, reply: Reply, name: str, missing: Exception, wanted: int = 200) -> None:
        """Raise unless the answer has the status that is wanted."""
        if reply.status == wanted:
            return
        reply.close()
        if reply.status == 404:
            raise missing
        other = UpstreamFailed(f"{reply.address} answers {reply.status} for {name!r}")
        raise _refusal(reply, name) or other


def _refusal(reply: Reply, name: str) -> Exception | None:
    what = f" {name!r}: it is not there, or not for these credentials" if name else " nothing"
    if reply.status in {401, 403}:
        return UpstreamDenied(f"{reply.address} does not give{what}")
    if reply.status == 429:
        return UpstreamBusy(f"{reply.address} wants fewer requests; try again later")
    return None


def _unknown(reply: Reply, name: str, reference: str) -> ImageNotFound:
    return ImageNotFound(f"{reply.address} has no image {reference!r} in {name!r}")


def _announced(reply: Reply) -> Digest | None:
    text = reply.header(_NAMED)
    if not text:
        return None
    try:
        return Digest.parse(text)
    except DigestInvalid:
        raise UpstreamFailed(f"{reply.address} names a digest that is none") from None


def _bounded(reply: Reply, most: int, digest: Digest) -> Iterator[bytes]:
    got = 0
    for chunk in reply.chunks():
        got += len(chunk)
        if got > most:
            raise UpstreamFailed(f"{reply.address} gives more bytes than {digest} has")
        yield chunk
