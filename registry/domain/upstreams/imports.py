"""Manifests of upstream registries: when one is fetched, and what happens where it cannot be.

A digest never changes its content: what is here is served. A tag is compared with the upstream
every so often. Where the upstream fails, or no longer has the tag, what is here is served on.

Source: ECR User Guide, "Sync an upstream registry with an Amazon ECR private registry" (every
24 hours; the cached image where the upstream fails), "IAM permissions required".
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from registry.domain import events
from registry.domain.templates import THROUGH_CACHE
from registry.domain.upstreams import failures, provenance
from registry.domain.upstreams.flights import Flights, resolve, running
from registry.values.digest import Digest
from registry.values.errors import (
    Denied,
    ImageNotFound,
    ManifestInvalid,
    MoorageError,
    QuotaExceeded,
    RepositoryExists,
    RepositoryNotFound,
    TagImmutable,
)
from registry.values.fetching import UpstreamDenied, UpstreamFailed

if TYPE_CHECKING:
    import sqlalchemy as sa

    from registry.database.database import Database
    from registry.domain.images import Image, Images
    from registry.domain.repositories import Repositories, Repository
    from registry.domain.templates import Templates
    from registry.domain.upstreams.leases import Leases
    from registry.domain.upstreams.rules import Rule, Rules
    from registry.domain.upstreams.sources import Sources
    from registry.domain.upstreams.tags import UpstreamTags
    from registry.upstream.client import Client, Content
    from registry.values.scope import Scope

IMPORT = "ecr:BatchImportUpstreamImage"
CREATE = "ecr:CreateRepository"
AT_ONCE = 32
"""Manifests being fetched, in each process."""
QUIET_SECONDS = 30.0
"""For so long an upstream that failed is not asked again about what is here."""
_QUIET_MAX = 1000

Require = Callable[[str], None]
"""Raises Denied unless the caller may do the action on the repository."""

_log = logging.getLogger("moorage.upstream")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A manifest that is to be looked for at an upstream."""

    scope: Scope
    name: str
    reference: Digest | str
    rule: Rule

    @property
    def tag(self) -> str | None:
        """What it is wanted by, unless that is its digest."""
        return self.reference if isinstance(self.reference, str) else None

    def __str__(self) -> str:
        joined = "@" if isinstance(self.reference, Digest) else ":"
        return f"{self.scope.account}/{self.scope.region}/{self.name}{joined}{self.reference}"


class Imports:
    """Finds out what is needed, and brings it."""

    def __init__(
        self,
        *,
        database: Database,
        rules: Rules,
        sources: Sources,
        client: Client,
        repositories: Repositories,
        templates: Templates,
        images: Images,
        tags: UpstreamTags,
        leases: Leases,
        every: timedelta,
    ) -> None:
        """`images` must take manifests whose content is not here yet.

        `every` is how long a tag is served without a look at the upstream.
        """
        self._database = database
        self._rules = rules
        self._sources = sources
        self._client = client
        self._repositories = repositories
        self._templates = templates
        self._images = images
        self._tags = tags
        self._leases = leases
        self._every = every
        self._flights: Flights[Future[None]] = Flights(AT_ONCE)
        self._quiet: dict[str, float] = {}

    def wanted(self, scope: Scope, name: str, reference: Digest | str) -> Wanted | None:
        """What has to be looked for at an upstream; None where what is here will do. Quick."""
        rule = self._rules.covering(scope, name)
        if rule is None:
            return None
        found = self._here(scope, name, reference)
        if found is not None and not self._due(rule, *found, reference):
            return None
        return Wanted(scope, name, reference, rule)

    def bring(self, wanted: Wanted, require: Require) -> Future[None] | None:
        """Have it brought: done as soon as the future is.

        None where the caller may not bring anything, and has to do with what is here. The future
        raises ImageNotFound, UpstreamFailed, UpstreamDenied; this raises Denied.
        """
        found = self._here(wanted.scope, wanted.name, wanted.reference)
        try:
            require(IMPORT)
            if found is None and not self.exists(wanted.scope, wanted.name):
                require(CREATE)
        except Denied:
            if found is None:
                raise
            return None
        return self._flights.join(str(wanted), running, partial(self._bring, wanted))

    def exists(self, scope: Scope, name: str) -> bool:
        """Whether there is a repository of that name."""
        try:
            self._repositories.get(scope, name)
        except RepositoryNotFound:
            return False
        return True

    def _bring(self, wanted: Wanted, future: Future[None]) -> None:
        resolve(future, lambda: self._alone(wanted))

    def _alone(self, wanted: Wanted) -> None:
        def done() -> bool:
            return self.wanted(wanted.scope, wanted.name, wanted.reference) is None

        with self._leases.held(str(wanted), done) as mine:
            if mine:
                self._fetch_or_keep(wanted)

    def _fetch_or_keep(self, wanted: Wanted) -> None:
        try:
            self._fetch(wanted)
        except (ImageNotFound, UpstreamFailed, UpstreamDenied, QuotaExceeded) as error:
            found = self._here(wanted.scope, wanted.name, wanted.reference)
            if found is None:
                raise
            self._tell_failure(found[0], wanted, error)
            self._hush(_silenced(wanted.rule, error, str(wanted)))
            _log.warning("%s is served as it is here: %s", wanted, error)

    def _tell_failure(self, repository: Repository, wanted: Wanted, error: MoorageError) -> None:
        with self._database.write() as connection:
            events.pulled_through(
                connection,
                repository,
                wanted.rule.prefix,
                wanted.rule.url,
                tag=wanted.tag,
                failure=(failures.code(error), str(error)),
            )

    def _hush(self, what: str) -> None:
        if len(self._quiet) >= _QUIET_MAX:
            self._quiet.clear()
        self._quiet[what] = time.monotonic()

    def _fetch(self, wanted: Wanted) -> None:
        source = self._sources.of(wanted.scope, wanted.rule)
        name = wanted.rule.upstream_name(wanted.name)
        found = self._here(wanted.scope, wanted.name, wanted.reference)
        newest: Digest | str = wanted.reference
        moment = datetime.now(UTC)
        if found is not None and isinstance(wanted.reference, str):
            repository, image = found
            newest = self._client.digest(source, name, wanted.reference) or wanted.reference
            if newest == image.digest:
                self._tags.settle(repository, wanted.reference, image.digest, moment)
                return
        content = self._client.manifest(source, name, newest)
        self._store(self._made(wanted), wanted, content, found[1] if found else None, moment)

    def _store(
        self,
        repository: Repository,
        wanted: Wanted,
        content: Content,
        old: Image | None,
        moment: datetime,
    ) -> None:
        tag = wanted.tag
        stands = content.digest
        if tag is not None:
            self._tags.announce(repository, tag, old.digest if old else None, stands)
        try:
            self._images.put(
                repository,
                content.body,
                content.media_type or None,
                digest=content.digest,
                tag_names=() if tag is None else (tag,),
                told=partial(_came, repository, wanted, content.digest),
            )
        except ManifestInvalid as error:
            raise UpstreamFailed(f"the upstream gives what is no manifest: {error}") from None
        except TagImmutable as error:
            if old is None:  # a push was quicker: the tag is the repository's own
                return
            stands = old.digest
            _log.warning("%s is served as it is here: %s", wanted, error)
        if tag is not None:
            self._tags.settle(repository, tag, stands, moment)

    def _made(self, wanted: Wanted) -> Repository:
        """The repository; only made once the upstream is known to have something for it."""
        if not self.exists(wanted.scope, wanted.name):
            with suppress(RepositoryExists):
                self._templates.create_for(wanted.scope, wanted.name, THROUGH_CACHE)
        return self._repositories.get(wanted.scope, wanted.name)

    def _here(
        self, scope: Scope, name: str, reference: Digest | str
    ) -> tuple[Repository, Image] | None:
        try:
            repository = self._repositories.get(scope, name)
            return repository, self._images.get(repository, reference).image
        except (RepositoryNotFound, ImageNotFound):
            return None

    def _due(
        self, rule: Rule, repository: Repository, image: Image, reference: Digest | str
    ) -> bool:
        if isinstance(reference, Digest):
            return False
        compared = self._tags.find(repository, reference)
        if compared is None or str(image.digest) not in compared.digests:
            return False
        if datetime.now(UTC) - compared.at < self._every:
            return False
        wanted = Wanted(repository.scope, repository.name, reference, rule)
        since = max(self._quiet.get(key, -QUIET_SECONDS) for key in (rule.url, str(wanted)))
        return time.monotonic() - since >= QUIET_SECONDS


def _came(
    repository: Repository,
    wanted: Wanted,
    digest: Digest,
    connection: sa.Connection,
    image_id: int,
) -> None:
    provenance.came(connection, image_id, wanted.tag)
    rule, tag = wanted.rule, wanted.tag
    named = (rule.prefix, rule.url)
    events.pulled_through(connection, repository, *named, digest=str(digest), tag=tag)


def _silenced(rule: Rule, error: MoorageError, wanted: str) -> str:
    """About what the upstream is not asked for a while: the one tag, or anything."""
    return wanted if isinstance(error, ImageNotFound | UpstreamDenied | QuotaExceeded) else rule.url
