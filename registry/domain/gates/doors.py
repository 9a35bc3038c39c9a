"""Where a pull is let through, or is not.

A repository without a gate pays one look into memory. With one, what the gates say of an image is
kept in memory until anything in the database changes (a scan, a gate, a signature), and for no
longer than a minute, as graces and exceptions end with time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import image_blobs, image_gaps, images
from registry.domain.blobs import find_all_linked
from registry.domain.copying.plan import plan
from registry.domain.gates.knowledge import runnable
from registry.domain.gates.weighing import Refusal, weigh
from registry.domain.tasks import now
from registry.values.digest import Digest
from registry.values.gating import GateRefused

if TYPE_CHECKING:
    from registry.database.database import Cache, Database
    from registry.domain.access import Access, Circumstances
    from registry.domain.gates.gates import Gates
    from registry.domain.gates.knowledge import Knowledge
    from registry.domain.identities.identity import Identity
    from registry.domain.images import Stored
    from registry.domain.repositories import Repository

HOLDERS_MAX = 200
"""Images that need a layer and are asked about, the newest first, before it is refused."""
DEPTH_MAX = 4
"""Indexes in indexes that are looked into."""
PULL, LAYER, PUT = "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:PutImage"

Count = Callable[[str, str], None]
"""Takes a rule, and `refused` or `would_refuse`."""

_log = logging.getLogger("moorage.gates")


@dataclass(frozen=True, slots=True)
class Asker:
    """Who wants to pull, and how."""

    identity: Identity | None
    circumstances: Circumstances


Tell = Callable[["Repository", Refusal, str], None]
"""Takes what is refused, or would be, and the ARN of who asks for it."""
ANYBODY = "anonymous"


def untold(_repository: Repository, _refusal: Refusal, _who: str) -> None:
    """For who tells nobody."""


def uncounted(_rule: str, _outcome: str) -> None:
    """For who counts nothing."""


class Doors:
    """Lets pulls through, or raises GateRefused; what only would be refused is told of."""

    def __init__(
        self,
        database: Database,
        cache: Cache,
        gates: Gates,
        knowledge: Knowledge,
        access: Access,
        *,
        count: Count = uncounted,
        tell: Tell = untold,
    ) -> None:
        self._told = tell
        self._database = database
        self._cache = cache
        self._gates = gates
        self._knowledge = knowledge
        self._access = access
        self._count = count

    def stand(self, repository: Repository) -> bool:
        """Whether there is a gate before the repository at all; quick."""
        return bool(self._gates.before(repository))

    def image(self, repository: Repository, stored: Stored, asker: Asker) -> None:
        """Raise GateRefused where the image may not be pulled."""
        if self.stand(repository):
            self._act(repository, self.verdicts(repository, stored), asker, PULL)

    def look(self, repository: Repository, stored: Stored, asker: Asker) -> bool:
        """As `image`, for who asks whether it is there; False: it is, and no more is to be told.

        Who may push there may know that it is there: a client asks so before it pushes. But what
        a tag stands on it is not told: else a client that has the image already would say that
        it pulled it, and never ask for what it is refused.
        """
        if not self.stand(repository):
            return True
        if self._may_push(repository, asker):
            return not _refusing(self.verdicts(repository, stored))
        self.image(repository, stored, asker)
        return True

    def blob(self, repository: Repository, digest: Digest, asker: Asker) -> None:
        """Raise GateRefused for a layer that only refused images of the repository need.

        One that is not here counts too: it may be about to come from an upstream.
        """
        if self.stand(repository):
            self._act(repository, self._of_blob(repository, digest), asker, LAYER)

    def whole(
        self,
        repository: Repository,
        reference: Digest | str,
        asker: Asker,
        *,
        referrers: bool,
    ) -> None:
        """As `image`, for an image with all that belongs to it: what a copy brings elsewhere."""
        found = self._knowledge.stored(repository, reference) if self.stand(repository) else None
        if found is None:
            return
        with self._database.read() as connection:
            items = plan(connection, repository, found.image.digest, referrers=referrers)
        for item in items:
            stored = self._knowledge.stored(repository, item.digest)
            if stored is not None:
                self.image(repository, stored, asker)

    def verdicts(self, repository: Repository, stored: Stored) -> Sequence[Refusal]:
        """Which gates refuse the image now, or would; a gate that refuses stands first."""
        key = ("verdicts", repository.id, stored.image.digest, _minute())
        return self._cache.get(key, lambda: self._weighed(repository, stored, DEPTH_MAX))

    def _weighed(self, repository: Repository, stored: Stored, depth: int) -> Sequence[Refusal]:
        manifest = self._knowledge.manifest(stored)
        if manifest.is_index:
            listed = self._knowledge.held(repository, manifest) if depth else []
            judged = [each for each in listed if self._judged(each)]
            return _by_all([self._weighed(repository, each, depth - 1) for each in judged])
        if not runnable(manifest):
            return ()
        known_of = self._knowledge.of(repository, stored.image)
        moment = now()
        found = (weigh(gate, known_of, moment) for gate in self._gates.before(repository))
        return tuple(sorted((each for each in found if each), key=lambda each: each.dry_run))

    def _judged(self, stored: Stored) -> bool:
        manifest = self._knowledge.manifest(stored)
        return manifest.is_index or runnable(manifest)

    def _of_blob(self, repository: Repository, digest: Digest) -> Sequence[Refusal]:
        key = ("blob verdicts", repository.id, digest, _minute())
        return self._cache.get(key, lambda: self._weighed_blob(repository, digest))

    def _weighed_blob(self, repository: Repository, digest: Digest) -> Sequence[Refusal]:
        with self._database.read() as connection:
            holders = _needing(connection, repository, digest)
        refusals: Sequence[Refusal] = ()
        for text in holders:
            stored = self._knowledge.stored(repository, Digest.parse(text))
            if stored is None:
                continue
            found = self.verdicts(repository, stored)
            if not _refusing(found):
                return found
            refusals = refusals or found
        return refusals

    def _act(
        self, repository: Repository, found: Sequence[Refusal], asker: Asker, action: str
    ) -> None:
        for each in found:
            self._tell(repository, each, asker, action)
            if not each.dry_run:
                raise GateRefused(each.message, each.detail)

    def _tell(self, repository: Repository, each: Refusal, asker: Asker, action: str) -> None:
        action = repository.scope.action(action)
        outcome = "would_refuse" if each.dry_run else "refused"
        self._count(each.rule, outcome)
        self._told(repository, each, asker.identity.arn if asker.identity else ANYBODY)
        code = "GateWouldRefuse" if each.dry_run else "GateRefused"
        self._access.gated(
            asker.identity, action, repository.arn, asker.circumstances, (code, each.message)
        )
        if each.dry_run:
            _log.warning("dry run: in %s %s", repository.name, each.message)

    def _may_push(self, repository: Repository, asker: Asker) -> bool:
        put = repository.scope.action(PUT)
        decision = self._access.decide(asker.identity, put, repository.arn, asker.circumstances)
        return decision.allowed


def _needing(connection: sa.Connection, repository: Repository, digest: Digest) -> list[str]:
    """The newest images of the repository that need the blob, whether it is here or not."""
    blob = find_all_linked(connection, repository, [digest]).get(digest)
    here = sa.select(image_blobs.c.image_id).where(
        image_blobs.c.blob_id == (blob.id if blob is not None else None)
    )
    missing = sa.select(image_gaps.c.image_id).where(image_gaps.c.digest == str(digest))
    query = (
        sa.select(images.c.digest)
        .where(images.c.repository_id == repository.id, images.c.id.in_(here.union(missing)))
        .order_by(images.c.id.desc())
        .limit(HOLDERS_MAX)
    )
    return list(connection.execute(query).scalars())


def _minute() -> int:
    """For so long an answer that hangs on the time is kept."""
    return int(now().timestamp() // 60)


def _refusing(found: Sequence[Refusal]) -> bool:
    return any(not each.dry_run for each in found)


def _by_all(below: Sequence[Sequence[Refusal]]) -> Sequence[Refusal]:
    """What stands against an index: as long as one of its images may be pulled, nothing."""
    if not below or not all(below):
        return ()
    if all(_refusing(found) for found in below):
        return below[0]
    if any(_refusing(found) for found in below):
        return ()
    return below[0]
