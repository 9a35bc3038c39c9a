"""One image, or one deletion, brought to one destination, if that allows it.

Another account's registry must allow it to this account, in its registry policy: `ecr:
ReplicateImage`, and `ecr:CreateRepository` where the repository is missing there. Source: ECR
User Guide, "Registry permissions policy examples" (cross-account replication).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from registry.domain.access import Circumstances
from registry.domain.copying.copier import no_beat
from registry.domain.deletions import Named
from registry.domain.identities.identity import Document, Identity
from registry.domain.replication.outcome import NotServed
from registry.domain.templates import ON_REPLICATION
from registry.values.errors import RepositoryExists, RepositoryNotFound, TagImmutable

if TYPE_CHECKING:
    from registry.domain.access import Access
    from registry.domain.copying.copier import Beat, Copier
    from registry.domain.deletions import Deletions
    from registry.domain.repositories import Repositories, Repository
    from registry.domain.templates import Templates
    from registry.values.digest import Digest
    from registry.values.scope import Scope

REPLICATE, CREATE = "ecr:ReplicateImage", "ecr:CreateRepository"
_EVERYTHING = Document(
    "replication",
    '{"Version": "2012-10-17", "Statement":'
    ' [{"Effect": "Allow", "Action": "ecr:*", "Resource": "*"}]}',
)


class Sender:
    """Sends. `copier` must put images without having them replicated once more."""

    def __init__(
        self,
        repositories: Repositories,
        templates: Templates,
        copier: Copier,
        deletions: Deletions,
        *,
        access: Access,
        regions: Collection[str],
    ) -> None:
        self._repositories = repositories
        self._templates = templates
        self._copier = copier
        self._deletions = deletions
        self._access = access
        self._regions = regions

    def send(
        self,
        source: Repository,
        destination: Scope,
        digest: Digest,
        tags: Sequence[str],
        beat: Beat = no_beat,
    ) -> None:
        """Have the destination hold the image, under each of the tags that may stand on it there.

        Raises what `Copier.copy` raises, Denied, NotServed: of the first tag that could not be.
        """
        target = self._target(source, destination)
        refused: TagImmutable | None = None
        for tag in tags or ("",):
            try:
                self._copier.copy(source, target, digest, (tag,) if tag else (), beat=beat)
            except TagImmutable as error:
                refused = refused or error
        if refused is not None:
            raise refused

    def withdraw(
        self, account: str, destination: Scope, name: str, digest: Digest, tag: str | None
    ) -> None:
        """Delete the tag there if it stands on the image; without one, the image if it has none.

        Raises Denied, NotServed.
        """
        target_arn = destination.repository_arn(name)
        self._check(account, destination, (REPLICATE,), target_arn)
        with suppress(RepositoryNotFound):
            target = self._repositories.get(destination, name)
            self._deletions.delete(target, [Named(digest, tag, untagged=tag is None)])

    def _target(self, source: Repository, destination: Scope) -> Repository:
        arn, account = destination.repository_arn(source.name), source.scope.account
        self._check(account, destination, (REPLICATE,), arn)
        with suppress(RepositoryNotFound):
            return self._repositories.get(destination, source.name)
        self._check(account, destination, (CREATE,), arn)
        with suppress(RepositoryExists):
            return self._templates.create_for(destination, source.name, ON_REPLICATION)
        return self._repositories.get(destination, source.name)

    def _check(self, account: str, destination: Scope, actions: Sequence[str], arn: str) -> None:
        if destination.region not in self._regions:
            raise NotServed(f"this server has no region {destination.region}")
        root = f"arn:aws:iam::{account}:root"
        identity = Identity(account, account, root, "root", (_EVERYTHING,))
        self._access.require(identity, tuple(actions), arn, Circumstances())
