"""Uploads: POST, PATCH, PUT, status, cancel, mount.

Source: OCI distribution-spec, "Pushing blobs" (end-4a to end-6, end-11, end-13, end-14).
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from registry.domain.gates.doors import Asker
from registry.domain.public.access import PULL
from registry.domain.uploads import SIZE_MAX
from registry.http.body import consume
from registry.oci.errors import VERSION, envelope
from registry.oci.ranges import sent
from registry.values.digest import CANONICAL, Digest, hasher
from registry.values.errors import (
    DigestInvalid,
    MoorageError,
    RangeInvalid,
    RepositoryNotFound,
    SizeInvalid,
    Unavailable,
    UploadConflict,
)
from registry.values.gating import GateRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.domain.access import Access
    from registry.domain.blobs import Blob, Blobs
    from registry.domain.gates.doors import Doors
    from registry.domain.repositories import Repositories, Repository
    from registry.domain.uploads import Upload, Uploads
    from registry.oci.call import Call
    from registry.values.scope import Scope

READ_BLOB = "ecr:GetDownloadUrlForLayer"


class UploadEndpoints:
    """`/v2/<name>/blobs/uploads/` and what it hands out."""

    def __init__(
        self,
        repositories: Repositories,
        uploads: Uploads,
        blobs: Blobs,
        access: Access,
        doors: Doors,
        *,
        mounts: Callable[[Scope], bool],
    ) -> None:
        """`mounts` tells whether a registry lets a push take blobs from another repository."""
        self._repositories = repositories
        self._uploads = uploads
        self._blobs = blobs
        self._access = access
        self._doors = doors
        self._mounts = mounts

    async def start(self, call: Call) -> Response:
        """Begin an upload; or mount; or take the whole blob in this one request."""
        repository = self._repositories.get(call.scope, call.name)
        if (mount := call.query("mount")) is not None:
            blob = await run_in_threadpool(self._mount, call, repository, Digest.parse(mount))
            if blob is not None:
                return _created(call, blob)
        elif (text := call.query("digest")) is not None:
            return await self._at_once(call, repository, Digest.parse(text))
        hasher(call.query("digest-algorithm") or CANONICAL)
        upload = await run_in_threadpool(self._uploads.start, repository, call.owner)
        return _accepted(call, upload)

    async def status(self, call: Call) -> Response:
        """How far the upload is."""
        upload = await run_in_threadpool(self._upload, call)
        return _progress(call, upload, 204)

    async def append(self, call: Call) -> Response:
        """Take a chunk, or all of it as a stream."""
        repository = self._repositories.get(call.scope, call.name)
        try:
            upload = await self._receive(call, repository, call.parameters["upload"], CANONICAL)
        except (RangeInvalid, UploadConflict) as error:
            return await self._where_it_stands(call, error)
        return _accepted(call, upload)

    async def finish(self, call: Call) -> Response:
        """Take the last chunk, if there is one, and make the blob."""
        repository = self._repositories.get(call.scope, call.name)
        text = call.query("digest")
        if text is None:
            raise DigestInvalid("the query parameter digest is missing")
        digest = Digest.parse(text)
        try:
            return await self._receive_and_finish(
                call, repository, call.parameters["upload"], digest
            )
        except (RangeInvalid, UploadConflict) as error:
            return await self._where_it_stands(call, error)

    async def cancel(self, call: Call) -> Response:
        """Forget the upload."""
        repository = self._repositories.get(call.scope, call.name)
        await run_in_threadpool(
            self._uploads.cancel, repository, call.owner, call.parameters["upload"]
        )
        call.request.state.upload = "cancelled"
        return Response(status_code=204, headers=VERSION)

    async def _at_once(self, call: Call, repository: Repository, digest: Digest) -> Response:
        upload = await run_in_threadpool(self._uploads.start, repository, call.owner)
        try:
            return await self._receive_and_finish(call, repository, upload.id, digest)
        except MoorageError:
            # The client was never told of this upload, so nobody could go on with it.
            with suppress(MoorageError):
                await run_in_threadpool(self._uploads.cancel, repository, call.owner, upload.id)
            raise

    async def _receive_and_finish(
        self, call: Call, repository: Repository, upload_id: str, digest: Digest
    ) -> Response:
        call.request.state.upload = "failed"
        received = None
        if call.content_length != 0:
            received = await self._receive(call, repository, upload_id, digest.algorithm)
        try:
            blob = await run_in_threadpool(
                self._uploads.finish, repository, call.owner, upload_id, digest
            )
        except Unavailable:
            if received is not None:  # a client that tries again sends it again
                with suppress(Unavailable):
                    await run_in_threadpool(self._uploads.retract, repository, received)
            raise
        call.request.state.upload = "stored"
        return _created(call, blob)

    async def _receive(
        self, call: Call, repository: Repository, upload_id: str, algorithm: str
    ) -> Upload:
        span, length = sent(call.request.headers.get("content-range")), call.content_length
        if span is not None and length is not None and span.length != length:
            raise SizeInvalid(
                f"Content-Range speaks of {span.length} bytes, Content-Length of {length}"
            )
        return await consume(
            call.receive,
            lambda chunks: self._uploads.append(
                repository,
                call.owner,
                upload_id,
                chunks,
                offset=None if span is None else span.start,
                algorithm=algorithm,
            ),
            length=length if span is None else span.length,
            limit=SIZE_MAX,
        )

    async def _where_it_stands(self, call: Call, error: MoorageError) -> Response:
        """416, telling the client from which byte to go on."""
        upload = await run_in_threadpool(self._upload, call)
        progress = _progress(call, upload, 416).headers
        told = {name: progress[name] for name in ("Location", "Range", "Docker-Upload-UUID")}
        return envelope(416, "BLOB_UPLOAD_INVALID", str(error), told)

    def _upload(self, call: Call) -> Upload:
        repository = self._repositories.get(call.scope, call.name)
        return self._uploads.get(repository, call.owner, call.parameters["upload"])

    def _mount(self, call: Call, repository: Repository, digest: Digest) -> Blob | None:
        if not self._mounts(call.scope):
            return None

        def may_read(name: str) -> bool:
            arn = call.scope.repository_arn(name)
            if call.scope.is_public:
                allowed = self._access.allows(None, PULL, arn, call.circumstances)
            else:
                allowed = self._access.allows(call.user, READ_BLOB, arn, call.circumstances)
            return allowed and self._lets_pull(call, name, digest)

        source = call.query("from")
        if source is not None:
            source = source.removeprefix(call.prefix)
        return self._blobs.mount(repository, digest, source, may_read)

    def _lets_pull(self, call: Call, name: str, digest: Digest) -> bool:
        """Whether the gates of a repository let its blob out: a mount is as good as a pull."""
        try:
            source = self._repositories.get(call.scope, name)
            self._doors.blob(source, digest, Asker(call.user, call.circumstances))
        except (GateRefused, RepositoryNotFound):
            return False
        return True


def _accepted(call: Call, upload: Upload) -> Response:
    return _progress(call, upload, 202)


def _progress(call: Call, upload: Upload, status: int) -> Response:
    headers = {
        **VERSION,
        "Location": call.location("blobs", "uploads", upload.id),
        "Range": f"0-{max(upload.size - 1, 0)}",
        "Docker-Upload-UUID": upload.id,
        "Content-Length": "0",
    }
    if status == 204:
        del headers["Content-Length"]
    return Response(status_code=status, headers=headers)


def _created(call: Call, blob: Blob) -> Response:
    headers = {
        **VERSION,
        "Location": call.location("blobs", str(blob.digest)),
        "Docker-Content-Digest": str(blob.digest),
        "Content-Length": "0",
    }
    return Response(status_code=201, headers=headers)
