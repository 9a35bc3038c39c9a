"""Where public repositories are: below a host of their own, and below a path of every other.

public.<domain>/<alias>/<name>         a host that has nothing else
<any other host>/public/<alias>/<name>
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.domain.public.registries import PREFIX
from registry.values.errors import RepositoryNotFound
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.domain.public.registries import PublicRegistries
    from registry.domain.repositories import Repository
    from registry.values.scope import Hosts

LOGOS = "/gallery/logo/"
"""Below it the gallery serves logos, by alias and name."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a name means under a host."""

    scope: Scope
    name: str
    """Of the repository, in its registry."""
    prefix: str = ""
    """What stands before it, with its slash."""


class Addresses:
    """Finds repositories by host and name, and names them so."""

    def __init__(self, hosts: Hosts, registries: PublicRegistries) -> None:
        self._hosts = hosts
        self._registries = registries

    def is_public(self, host: str) -> bool:
        """Whether there are only public registries below that host."""
        return self._hosts.is_public(host)

    def find(self, host: str, path: str) -> Place:
        """What a path below a host names; without a path, the registry.

        Raises RepositoryNotFound where only public repositories are, and no such registry.
        """
        if self._hosts.is_public(host) and path:
            alias, _, name = path.partition("/")
            place = self._public(alias, name, f"{alias}/")
            if place is None:
                raise RepositoryNotFound(path, alias)
            return place
        prefix, _, rest = path.partition("/")
        alias, slash, name = rest.partition("/")
        place = (
            self._public(alias, name, f"{PREFIX}/{alias}/") if prefix == PREFIX and slash else None
        )
        return place or Place(self._hosts.scope(host), path)

    def uri(self, scope: Scope, name: str, asked: str) -> str:
        """By which name docker pulls it, for a client that asked by the host `asked`."""
        return f"{self.registry_uri(scope, asked)}/{name}"

    def registry_uri(self, scope: Scope, asked: str) -> str:
        """What the names of all its repositories begin with; empty before there is one."""
        alias = self._registries.alias(scope.account)
        if alias is None:
            return ""
        host = self._hosts.public_host(asked)
        return f"{asked}/{PREFIX}/{alias}" if host is None else f"{host}/{alias}"

    def logo_url(self, repository: Repository, asked: str, *, secure: bool) -> str:
        """Where the gallery has the repository's logo, if it has one."""
        alias = self._registries.alias(repository.scope.account) or ""
        scheme = "https" if secure else "http"
        return f"{scheme}://{asked}{LOGOS}{alias}/{repository.name}"

    def _public(self, alias: str, name: str, prefix: str) -> Place | None:
        account = self._registries.account_of(alias)
        if account is None:
            return None
        if not name:
            raise RepositoryNotFound(name, account)
        return Place(Scope.public_of(account), name, prefix)
