"""A registry as a mirror: names as their own registry has them.

containerd asks a mirror for `/v2/library/nginx/manifests/latest?ns=docker.io`; dockerd asks
without `ns`, as it knows mirrors of Docker Hub alone. Both mean the repository of the rule for
that upstream.

Source: containerd, docs/hosts.md ("registry namespace"); docker, "Run as a pull through cache".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.values.errors import RepositoryNotFound

if TYPE_CHECKING:
    from registry.domain.repositories import Repositories
    from registry.domain.upstreams.rules import Rule, Rules
    from registry.values.scope import Hosts, Scope

_HUB = "docker.io"
_ALIASES = {"registry-1.docker.io": _HUB, "index.docker.io": _HUB}


class Mirrors:
    """Finds the name here."""

    def __init__(
        self, rules: Rules, repositories: Repositories, hosts: Hosts, default: str = ""
    ) -> None:
        """`default` is the upstream meant where a request says none; empty for no one."""
        self._rules = rules
        self._repositories = repositories
        self._hosts = hosts
        self._default = default

    def name(self, scope: Scope, name: str, namespace: str | None) -> str:
        """The name here of a repository that a pull names. Quick."""
        if namespace:
            return self._mirrored(scope, name, namespace) or name
        if not self._default or self._rules.covering(scope, name) is not None:
            return name
        try:
            self._repositories.get(scope, name)
        except RepositoryNotFound:
            return self._mirrored(scope, name, self._default) or name
        return name

    def foreign(self, scope: Scope, name: str, namespace: str | None, host: str) -> bool:
        """Whether a pull, sent to `host`, means a registry that nothing here stands for."""
        if not namespace or scope.is_public or self._own(scope, namespace, host):
            return False
        return self._mirrored(scope, name, namespace) is None

    def _mirrored(self, scope: Scope, name: str, namespace: str) -> str | None:
        wanted = upstream_host(namespace)
        found = [
            (rule, here)
            for rule in self._rules.every(scope).values()
            if upstream_host(rule.url) == wanted
            and (here := rule.name_here(name))
            and self._rules.covering(scope, here) == rule
        ]
        return max(found, key=lambda each: _narrowness(each[0]))[1] if found else None

    def _own(self, scope: Scope, namespace: str, host: str) -> bool:
        known = self._hosts.names(namespace) and self._hosts.scope(namespace) == scope
        return known or namespace == host or self._hosts.is_public(namespace)


def upstream_host(url: str) -> str:
    """What an upstream is called in the names of images."""
    host = url.lower().partition("://")[2] or url.lower()
    return _ALIASES.get(host, host)


def _narrowness(rule: Rule) -> tuple[int, str]:
    return (len(rule.upstream_prefix) if rule.upstream_prefix != "ROOT" else 0, rule.prefix)
