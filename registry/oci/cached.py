"""Pulls through the cache: what is missing here is brought from its upstream first.

The same endpoints as for any repository; they only look beyond this registry where a pull
through cache rule covers the repository's name.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from registry.oci.blobs import SMALL, BlobEndpoints, BlobResponse, about
from registry.oci.manifests import ManifestEndpoints
from registry.values.digest import Digest
from registry.values.errors import BlobNotFound, Denied, Unauthenticated
from registry.values.reference import manifest_reference

if TYPE_CHECKING:
    from registry.domain.access import Access
    from registry.domain.blobs import Blobs
    from registry.domain.gates.doors import Doors
    from registry.domain.images import Images
    from registry.domain.pulls import Pulls
    from registry.domain.repositories import Repositories
    from registry.domain.upstreams.fetches import Fetch, Fetches
    from registry.domain.upstreams.imports import Imports, Wanted
    from registry.oci.call import Call


class CachedManifests(ManifestEndpoints):
    """`/v2/<name>/manifests/<reference>`, of upstreams too."""

    def __init__(
        self,
        repositories: Repositories,
        images: Images,
        pulls: Pulls,
        doors: Doors,
        imports: Imports,
        *,
        access: Access,
        remote: bool = False,
    ) -> None:
        super().__init__(repositories, images, pulls, doors, remote=remote)
        self._imports = imports
        self._access = access

    async def get(self, call: Call) -> Response:
        """What is here; brought from the upstream first where that is needed."""
        reference = manifest_reference(call.parameters["reference"])
        wanted = await self._wanted(call, reference)
        if wanted is not None:
            brought = await run_in_threadpool(self._bring, call, wanted)
            if brought is not None:
                await outcome(brought)
        return await super().get(call)

    async def _wanted(self, call: Call, reference: Digest | str) -> Wanted | None:
        if self._remote:
            return await run_in_threadpool(self._imports.wanted, call.scope, call.name, reference)
        return self._imports.wanted(call.scope, call.name, reference)

    def _bring(self, call: Call, wanted: Wanted) -> Future[None] | None:
        tag = "" if isinstance(wanted.reference, Digest) else wanted.reference
        about_it = call.about(tag)
        arn = call.scope.repository_arn(call.name)

        def require(action: str) -> None:
            self._access.require(call.user, (action,), arn, about_it.circumstances)

        try:
            return self._imports.bring(wanted, require)
        except Denied:
            if call.user is None:
                raise Unauthenticated("Not Authorized") from None
            raise


class CachedBlobs(BlobEndpoints):
    """`/v2/<name>/blobs/<digest>`, of upstreams too."""

    def __init__(
        self, repositories: Repositories, blobs: Blobs, doors: Doors, fetches: Fetches
    ) -> None:
        super().__init__(repositories, blobs, doors)
        self._fetches = fetches

    async def head(self, call: Call) -> Response:
        """Only what is stored is there; what is missing is fetched first."""
        try:
            return await super().head(call)
        except BlobNotFound:
            fetch = await self._start(call)
        if fetch is not None:
            await outcome(fetch.stored)
        return await super().head(call)

    async def get(self, call: Call) -> Response:
        """Its bytes; of a missing one as they come from the upstream."""
        try:
            return await super().get(call)
        except BlobNotFound:
            fetch = await self._start(call)
        if fetch is None:  # nobody has it, or it has come just now
            return await super().get(call)
        if fetch.size <= SMALL or "range" in call.request.headers:
            await outcome(fetch.stored)
            return await super().get(call)
        await outcome(fetch.begun)
        headers = about(fetch.digest)
        return BlobResponse(200, headers, fetch.size, self._fetches.follow(fetch))

    async def _start(self, call: Call) -> Fetch | None:
        return await run_in_threadpool(self._fetches.start, call.scope, call.name, call.digest)


async def outcome(future: Future[None]) -> None:
    """Wait without a thread; raises what it raises. A client that hangs up ends nothing."""
    await asyncio.shield(asyncio.wrap_future(future))
