"""Manifests: pull, push, delete.

Source: OCI distribution-spec, "Pulling manifests", "Pushing Manifests", "Deleting tags",
"Deleting Manifests" (end-3, end-7, end-9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from registry.domain.gates.doors import Asker
from registry.http.body import read_all
from registry.oci.errors import VERSION
from registry.values.digest import Digest
from registry.values.errors import ManifestTooLarge, SizeInvalid, TagInvalid
from registry.values.manifest import SIZE_MAX
from registry.values.reference import manifest_reference, tag_name

if TYPE_CHECKING:
    from registry.domain.gates.doors import Doors
    from registry.domain.images import Images, Stored
    from registry.domain.pulls import Pulls
    from registry.domain.repositories import Repositories, Repository
    from registry.oci.call import Call

TAGS_MAX = 100
"""Tags that one push by digest may set."""


class ManifestEndpoints:
    """`/v2/<name>/manifests/<reference>`."""

    def __init__(
        self,
        repositories: Repositories,
        images: Images,
        pulls: Pulls,
        doors: Doors,
        *,
        remote: bool = False,
    ) -> None:
        """`remote` says that opening a manifest may take as long as a network does."""
        self._repositories = repositories
        self._images = images
        self._pulls = pulls
        self._doors = doors
        self._remote = remote

    async def get(self, call: Call) -> Response:
        """Exactly the bytes that were pushed; HEAD gives the headers alone."""
        repository = self._repositories.get(call.scope, call.name)
        reference = _reference(call)
        stored = await self._stored(repository, reference)
        if not call.by_scanner and not await self._admit(call, repository, stored):
            return _unnamed(stored, reference)
        headers = {
            **VERSION,
            "Docker-Content-Digest": str(stored.image.digest),
            "Content-Type": stored.image.media_type,
            "ETag": f'"{stored.image.digest}"',
        }
        if call.has(headers["ETag"]):
            return Response(status_code=304, headers=headers)
        if call.request.method == "GET" and not call.by_scanner:
            tag = None if isinstance(reference, Digest) else reference
            self._pulls.pulled(repository, stored.image, call.user, tag)
        return Response(stored.content, headers=headers)

    async def _admit(self, call: Call, repository: Repository, stored: Stored) -> bool:
        """Raise ImageArchived, or GateRefused, where nobody may pull the image now.

        False for who may push over a refused image, and asks whether there is one.
        """
        stored.image.require_active()
        if not self._doors.stand(repository):
            return True
        if call.request.method == "GET":
            await run_in_threadpool(self._doors.image, repository, stored, _asker(call))
            return True
        return await run_in_threadpool(self._doors.look, repository, stored, _asker(call))

    async def _stored(self, repository: Repository, reference: Digest | str) -> Stored:
        if self._remote:
            return await run_in_threadpool(self._images.get, repository, reference)
        return self._images.get(repository, reference)

    async def put(self, call: Call) -> Response:
        """Store a manifest under a tag, or under a digest with any number of tags."""
        repository = self._repositories.get(call.scope, call.name)
        reference = _reference(call)
        digest = reference if isinstance(reference, Digest) else None
        names = _tag_parameters(call) if isinstance(reference, Digest) else [reference]
        content = await _content(call)
        pushed = await run_in_threadpool(
            self._images.put,
            repository,
            content,
            call.request.headers.get("content-type"),
            digest=digest,
            tag_names=names,
        )
        headers = {
            **VERSION,
            "Location": call.location("manifests", str(pushed.image.digest)),
            "Docker-Content-Digest": str(pushed.image.digest),
            "Content-Length": "0",
        }
        if pushed.subject is not None:
            headers["OCI-Subject"] = str(pushed.subject)
        response = Response(status_code=201, headers=headers)
        if digest is not None:
            for name in names:
                response.headers.append("OCI-Tag", name)
        return response

    async def delete(self, call: Call) -> Response:
        """Remove a tag, or an image with all its tags."""
        repository = self._repositories.get(call.scope, call.name)
        reference = _reference(call)
        if isinstance(reference, Digest):
            await run_in_threadpool(self._images.delete, repository, reference)
        else:
            await run_in_threadpool(self._images.untag, repository, reference)
        return Response(status_code=202, headers=VERSION)


def _unnamed(stored: Stored, reference: Digest | str) -> Response:
    """There is such a manifest: no more than that, unless its digest is known already.

    Docker goes on with a GET where it learns no digest, and is refused with the reason.
    """
    headers = {**VERSION, "Content-Type": stored.image.media_type}
    if isinstance(reference, Digest):
        headers["Docker-Content-Digest"] = str(stored.image.digest)
    return Response(stored.content, headers=headers)


def _reference(call: Call) -> Digest | str:
    return manifest_reference(call.parameters["reference"])


def _asker(call: Call) -> Asker:
    tag = call.parameters["reference"]
    return Asker(call.user, call.about("" if ":" in tag else tag).circumstances)


def _tag_parameters(call: Call) -> list[str]:
    names = call.request.query_params.getlist("tag")
    if len(names) > TAGS_MAX:
        raise TagInvalid(f"{len(names)} tags in one push; {TAGS_MAX} are allowed")
    return list(dict.fromkeys(tag_name(name) for name in names))


async def _content(call: Call) -> bytes:
    length = call.content_length
    if length is not None and length > SIZE_MAX:
        raise _too_large(length)
    try:
        content = await read_all(call.receive, SIZE_MAX)
    except SizeInvalid:
        raise _too_large(None) from None
    if length is not None and length != len(content):
        raise SizeInvalid(f"Content-Length is {length}, the body has {len(content)} bytes")
    return content


def _too_large(length: int | None) -> ManifestTooLarge:
    size = "over" if length is None else f"{length} bytes, over"
    return ManifestTooLarge(f"the manifest is {size} the {SIZE_MAX} bytes that are allowed")
