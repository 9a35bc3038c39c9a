"""Blobs of upstream registries: fetched once, however many want them, and only what an image
of the repository names.

Whoever wants a blob that is on its way reads along. Its last bytes are given out only once all
of them are stored under its digest: what was wrong or cut off never looks complete.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from registry.domain.upstreams.flights import Flights, resolve, running
from registry.domain.upstreams.window import Window
from registry.values.errors import BlobNotFound, DigestInvalid, MoorageError, RepositoryNotFound
from registry.values.fetching import UpstreamFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.domain.blobs import Blobs
    from registry.domain.repositories import Repositories, Repository
    from registry.domain.uploads import Uploads
    from registry.domain.upstreams.gaps import Gaps
    from registry.domain.upstreams.leases import Leases
    from registry.domain.upstreams.rules import Rule, Rules
    from registry.domain.upstreams.sources import Sources
    from registry.storage.driver import Buffer
    from registry.upstream.client import Client
    from registry.values.digest import Digest
    from registry.values.manifest import Descriptor
    from registry.values.scope import Scope

AT_ONCE = 32
"""Blobs being fetched, in each process; others wait for their turn."""
OWNER = "moorage:pull-through"
"""Whose uploads they are: nobody's, so that no client can touch them."""


class Fetch:
    """A blob on its way."""

    def __init__(self, repository: Repository, rule: Rule, part: Descriptor) -> None:
        self.repository = repository
        self.rule = rule
        self.digest: Digest = part.digest
        self.size = part.size
        self.begun = running()
        """Done when bytes begin to come, or it is stored; else it raises why not."""
        self.stored = running()
        """Done when it is stored whole."""
        self.window = Window()

    def end(self, work: partial[None]) -> None:
        """Give everybody the outcome of the work."""
        resolve(self.stored, work)
        if not self.begun.done():
            resolve(self.begun, self.stored.result)
        self.window.close()


class Fetches:
    """Fetches what is missing."""

    def __init__(
        self,
        *,
        rules: Rules,
        sources: Sources,
        client: Client,
        repositories: Repositories,
        uploads: Uploads,
        blobs: Blobs,
        gaps: Gaps,
        leases: Leases,
    ) -> None:
        self._rules = rules
        self._sources = sources
        self._client = client
        self._repositories = repositories
        self._uploads = uploads
        self._blobs = blobs
        self._gaps = gaps
        self._leases = leases
        self._flights: Flights[Fetch] = Flights(AT_ONCE)

    def start(self, scope: Scope, name: str, digest: Digest) -> Fetch | None:
        """Have a missing blob fetched; None where no upstream is to be asked for it."""
        rule = self._rules.covering(scope, name)
        if rule is None:
            return None
        try:
            repository = self._repositories.get(scope, name)
        except RepositoryNotFound:
            return None
        part = self._gaps.find(repository, digest)
        if part is None:
            return None
        begin = partial(Fetch, repository, rule, part)
        return self._flights.join((repository.id, digest), begin, self._run)

    def follow(self, fetch: Fetch) -> Generator[Buffer, None, None]:
        """All bytes of a fetch, as they come. Raises why it failed, before its last bytes."""
        sent = 0
        while sent < fetch.size:
            chunk = fetch.window.take(sent)
            if chunk is None:
                fetch.stored.result()
                blob = self._blobs.get(fetch.repository, fetch.digest)
                yield from self._blobs.open(fetch.repository, blob, sent, fetch.size - sent)
                return
            sent += len(chunk)
            if sent >= fetch.size:
                fetch.stored.result()
            yield chunk

    def _run(self, fetch: Fetch) -> None:
        fetch.end(partial(self._alone, fetch))

    def _alone(self, fetch: Fetch) -> None:
        key = f"{fetch.repository.id}/{fetch.digest}"
        with self._leases.held(key, lambda: self._holds(fetch)) as mine:
            if mine:
                self._fetch(fetch)

    def _fetch(self, fetch: Fetch) -> None:
        source = self._sources.of(fetch.repository.scope, fetch.rule)
        name = fetch.rule.upstream_name(fetch.repository.name)
        self._uploads.require_room(fetch.repository, fetch.size)
        chunks = self._client.blob(source, name, fetch.digest, fetch.size)
        next(chunks)  # it answers, and has the blob
        fetch.begun.set_result(None)
        try:
            self._store(fetch, fetch.window.passing(chunks))
        except DigestInvalid:
            raise UpstreamFailed(
                f"{source.address} gives other bytes than those of {fetch.digest}"
            ) from None

    def _store(self, fetch: Fetch, chunks: Iterator[bytes]) -> None:
        repository, algorithm = fetch.repository, fetch.digest.algorithm
        upload = self._uploads.start(repository, OWNER)
        try:
            self._uploads.append(repository, OWNER, upload.id, chunks, algorithm=algorithm)
            self._uploads.finish(repository, OWNER, upload.id, fetch.digest)
        except BaseException:
            with suppress(MoorageError):  # a wrong digest has ended it already
                self._uploads.cancel(repository, OWNER, upload.id)
            raise

    def _holds(self, fetch: Fetch) -> bool:
        try:
            self._blobs.get(fetch.repository, fetch.digest)
        except BlobNotFound:
            return False
        return True
