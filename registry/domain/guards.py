"""What a resource itself brings to a decision, by its ARN."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from registry.domain.access import UNGUARDED, Guarded
from registry.domain.identities.identity import Document
from registry.domain.identities.services import REPORTS, is_report
from registry.domain.public.access import FOR_ALL
from registry.domain.repositories import scope_and_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from registry.database.database import Cache
    from registry.domain.identities.directory import Directory
    from registry.domain.identities.resource_tags import ResourceTags
    from registry.domain.registries import Registries
    from registry.domain.repositories import Repositories


class Guards:
    """Policies and tags of repositories, policies of their registries, trust policies of roles,
    tags of IAM's entities; policies, tags and grants of keys.
    """

    def __init__(
        self,
        cache: Cache,
        repositories: Repositories,
        registries: Registries,
        directory: Directory,
        tags: ResourceTags,
        *,
        keys: Callable[[str], Guarded],
        others: Mapping[str, Callable[[str], Guarded]] | None = None,
    ) -> None:
        """`others` are asked about resources of further services, by the service's name."""
        self._cache = cache
        self._repositories = repositories
        self._registries = registries
        self._directory = directory
        self._tags = tags
        self._keys = keys
        self._others = others or {}

    def __call__(self, arn: str) -> Guarded:
        """What guards the resource; nothing where it brings nothing."""
        service, _, _ = arn.removeprefix("arn:aws:").partition(":")
        if is_report(arn):
            return Guarded(REPORTS)
        if service in ("ecr", "ecr-public"):
            return self._cache.get(("guards", arn), lambda: self._repository(arn))
        if service == "kms":
            return self._keys(arn)
        if service in self._others:
            return self._others[service](arn)
        if service != "iam":
            return UNGUARDED
        return self._role(arn) if ":role/" in arn else Guarded(tags=self._tags.find(arn))

    def _repository(self, arn: str) -> Guarded:
        """Of one that does not exist, the policy of the registry where it would be."""
        guarded = self._repositories.guarded(arn)
        named = scope_and_name(arn)
        if named is not None and named[0].is_public:
            return replace(guarded, around=FOR_ALL)
        around = None if named is None else self._registries.guarding(named[0])
        return guarded if around is None else replace(guarded, around=around)

    def _role(self, arn: str) -> Guarded:
        role = self._directory.role_of_arn(arn)
        if role is None:
            return UNGUARDED
        name = f"trust policy of {role.name}"
        return Guarded(tags=role.tags, trust=Document(name, role.trust_policy))
