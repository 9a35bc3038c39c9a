"""Blobs: read, range, probe, delete."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from registry.domain.gates.doors import Asker
from registry.http.stream import stream
from registry.oci.errors import VERSION
from registry.oci.ranges import Span, Unsatisfiable, wanted
from registry.values.errors import Damaged

if TYPE_CHECKING:
    from starlette.types import Receive, Send
    from starlette.types import Scope as AsgiScope

    from registry.domain.blobs import Blob, Blobs
    from registry.domain.gates.doors import Doors
    from registry.domain.repositories import Repositories
    from registry.oci.call import Call
    from registry.storage.driver import Buffer
    from registry.values.digest import Digest


SMALL = 64 * 1024
"""Bytes up to which a body is read at once: a config, most layers of labels and scripts."""


class BlobEndpoints:
    """`/v2/<name>/blobs/<digest>`: end-2 and end-10 of the distribution-spec."""

    def __init__(self, repositories: Repositories, blobs: Blobs, doors: Doors) -> None:
        self._repositories = repositories
        self._blobs = blobs
        self._doors = doors

    async def head(self, call: Call) -> Response:
        """Whether it is there, and how long; a client that is told so may rely on it."""
        blob = self._find(call)
        if not self._blobs.promised(blob):
            repository = self._repositories.get(call.scope, call.name)
            blob = await run_in_threadpool(self._blobs.promise, repository, call.digest)
        headers = about(blob.digest)
        if call.has(headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return Response(headers={**headers, "Content-Length": str(blob.size)})

    async def get(self, call: Call) -> Response:
        """Its bytes, all or a range."""
        repository = self._repositories.get(call.scope, call.name)
        if not call.by_scanner and self._doors.stand(repository):
            asker = Asker(call.user, call.circumstances)
            await run_in_threadpool(self._doors.blob, repository, call.digest, asker)
        blob = self._blobs.get(repository, call.digest)
        headers = about(blob.digest)
        if call.has(headers["ETag"]):
            return Response(status_code=304, headers=headers)
        try:
            span = wanted(_range_header(call, headers["ETag"]), blob.size)
        except Unsatisfiable:
            return Response(
                status_code=416, headers={**headers, "Content-Range": f"bytes */{blob.size}"}
            )
        whole = Span(0, blob.size)
        part = span or whole
        status = 200 if span is None else 206
        if span is not None:
            headers["Content-Range"] = f"bytes {span.start}-{span.last}/{blob.size}"
        if part.length <= SMALL:
            return Response(await run_in_threadpool(self._read, call, blob, part), status, headers)
        chunks = await run_in_threadpool(self._open, call, blob, part)
        return BlobResponse(status, headers, part.length, chunks)

    async def delete(self, call: Call) -> Response:
        """Take it out of the repository."""
        repository = self._repositories.get(call.scope, call.name)
        await run_in_threadpool(self._blobs.unlink, repository, call.digest)
        return Response(status_code=202, headers=VERSION)

    def _find(self, call: Call) -> Blob:
        repository = self._repositories.get(call.scope, call.name)
        return self._blobs.get(repository, call.digest)

    def _open(self, call: Call, blob: Blob, part: Span) -> Generator[Buffer, None, None]:
        repository = self._repositories.get(call.scope, call.name)
        return self._blobs.open(repository, blob, part.start, part.length)

    def _read(self, call: Call, blob: Blob, part: Span) -> bytes:
        content = b"".join(self._open(call, blob, part))
        if len(content) != part.length:
            raise Damaged(f"the stored bytes of {blob.digest} end after {len(content)} bytes")
        return content


class BlobResponse(Response):
    """A body that is decrypted while it is sent."""

    def __init__(
        self,
        status: int,
        headers: dict[str, str],
        length: int,
        chunks: Generator[Buffer, None, None],
    ) -> None:
        super().__init__(status_code=status, headers=headers)
        self._length = length
        self._chunks = chunks

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Send it; the source is closed whatever happens."""
        headers = [header for header in self.raw_headers if header[0] != b"content-length"]
        await stream(
            scope,
            receive,
            send,
            status=self.status_code,
            headers=headers,
            length=self._length,
            chunks=self._chunks,
        )


def about(digest: Digest) -> dict[str, str]:
    """The headers of every answer about a blob."""
    return {
        **VERSION,
        "Docker-Content-Digest": str(digest),
        "Content-Type": "application/octet-stream",
        "Accept-Ranges": "bytes",
        "ETag": f'"{digest}"',
    }


def _range_header(call: Call, etag: str) -> str | None:
    """The Range header, unless If-Range names another content (RFC 9110 section 13.1.5)."""
    headers = call.request.headers
    return headers.get("range") if headers.get("if-range", etag) == etag else None
