"""What the gallery knows of a repository, for its pages and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from registry.domain.access import Circumstances
from registry.domain.public.access import PULL
from registry.gallery.pages import path_of
from registry.values.errors import Denied, RepositoryNotFound
from registry.values.publishing import CatalogDataNotFound
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.aws.pages import Pages
    from registry.domain.access import Access
    from registry.domain.public.addresses import Addresses
    from registry.domain.public.catalog import Catalog
    from registry.domain.public.registries import PublicRegistries
    from registry.domain.repositories import Repositories, Repository

PAGE = 60
"""Repositories on one page."""
SEARCH_MAX = 100

_BADGES = ("ARM", "ARM 64", "x86", "x86-64", "Linux", "Windows")
"""What is shown of architectures and operating systems (RepositoryCatalogDataInput)."""
_FIRST = (-1, "")


@dataclass(frozen=True, slots=True)
class Entry:
    """One repository, as it is shown."""

    alias: str
    owner: str
    """The registry's display name, or its alias."""
    name: str
    uri: str
    document: Mapping[str, Any]
    pushed_at: datetime | None
    path: str
    logo_path: str | None

    @property
    def badges(self) -> list[str]:
        """Those of its architectures and operating systems that are shown."""
        named = [
            *self.document.get("architectures", ()),
            *self.document.get("operatingSystems", ()),
        ]
        return [each for each in _BADGES if each in named]

    def described(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "registryAlias": self.alias,
            "registryName": self.owner,
            "repositoryName": self.name,
            "repositoryUri": self.uri,
            "description": self.document.get("description", ""),
            "architectures": self.document.get("architectures", []),
            "operatingSystems": self.document.get("operatingSystems", []),
            "logo": self.logo_path,
            "page": self.path,
            "lastPushedAt": self.pushed_at.isoformat() if self.pushed_at else None,
        }


class Listing:
    """Lists and finds what anybody may pull."""

    def __init__(
        self,
        registries: PublicRegistries,
        repositories: Repositories,
        *,
        addresses: Addresses,
        catalog: Catalog,
        access: Access,
        pages: Pages,
    ) -> None:
        self._registries = registries
        self._repositories = repositories
        self._addresses = addresses
        self._catalog = catalog
        self._access = access
        self._pages = pages

    def page(
        self, search: str, token: str | None, host: str, circumstances: Circumstances
    ) -> tuple[list[Entry], str | None]:
        """Repositories that match, and the token of the next page. Raises ParameterInvalid."""
        search = search.strip()[:SEARCH_MAX]
        listing = f"gallery {search}"
        account, name = self._pages.open(listing, token, _FIRST)
        after = (name, f"{account:012}" if account >= 0 else "")
        found = self._catalog.page(search, after, PAGE + 1)
        entries = []
        for each in found[:PAGE]:
            scope, shown = Scope.public_of(each.account), (each.document, host, each.pushed_at)
            if self._may(scope.repository_arn(each.name), circumstances):
                entries.append(self._entry(scope, each.name, *shown, logo=each.has_logo))
        if len(found) <= PAGE:
            return entries, None
        last = found[PAGE - 1]
        return entries, self._pages.seal(listing, (int(last.account), last.name))

    def find(self, alias: str, name: str, circumstances: Circumstances) -> Repository:
        """A repository that anybody may pull. Raises RepositoryNotFound, NameInvalid."""
        account = self._registries.account_of(alias)
        if account is None:
            raise RepositoryNotFound(name, alias)
        scope = Scope.public_of(account)
        try:
            self._access.require(None, (PULL,), scope.repository_arn(name), circumstances)
        except Denied:
            raise RepositoryNotFound(name, alias) from None
        return self._repositories.get(scope, name)

    def entry(self, repository: Repository, host: str) -> Entry:
        """What is shown of it."""
        try:
            data = self._catalog.get(repository)
        except CatalogDataNotFound:
            return self._entry(repository.scope, repository.name, {}, host, None, logo=False)
        shown = data.document, host, None
        return self._entry(repository.scope, repository.name, *shown, logo=data.has_logo)

    def logo(self, repository: Repository) -> tuple[bytes, str] | None:
        """The logo and its media type."""
        return self._catalog.logo(repository)

    def _may(self, arn: str, circumstances: Circumstances) -> bool:
        """Not recorded: a list of what is there is no pull of each."""
        return self._access.decide(None, PULL, arn, circumstances).allowed

    def _entry(
        self,
        scope: Scope,
        name: str,
        document: Mapping[str, Any],
        host: str,
        pushed_at: datetime | None,
        *,
        logo: bool,
    ) -> Entry:
        alias = self._registries.alias(scope.account) or ""
        return Entry(
            alias=alias,
            owner=self._registries.display_name(scope.account) or alias,
            name=name,
            uri=self._addresses.uri(scope, name, host),
            document=document,
            pushed_at=pushed_at,
            path=path_of("r", alias, name),
            logo_path=path_of("logo", alias, name) if logo else None,
        )
