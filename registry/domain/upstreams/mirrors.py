"""A registry as a mirror: names as their own registry has them.

containerd asks a mirror for `/v2/library/nginx/manifests/latest?ns=docker.io`; dockerd asks
without `ns`, as it knows mirrors of Docker Hub alone: for it a host name of its own says which
upstream is meant. Both mean the repository of the rule for that upstream.

Source: containerd, docs/hosts.md ("registry namespace"); docker, "Run as a pull through cache".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.domain.upstreams.rules import Rule, Rules
    from registry.values.scope import Hosts, Scope

_HUB = "docker.io"
_ALIASES = {"registry-1.docker.io": _HUB, "index.docker.io": _HUB}


class Mirrors:
    """Finds the name here."""

    def __init__(self, rules: Rules, hosts: Hosts) -> None:
        self._rules = rules
        self._hosts = hosts

    def name(self, scope: Scope, name: str, namespace: str | None, host: str) -> str:
        """The name here of a repository that a pull, sent to `host`, names. Quick."""
        wanted = namespace or self.of(host)
        return (self._mirrored(scope, name, wanted) if wanted else None) or name

    def foreign(self, scope: Scope, name: str, namespace: str | None, host: str) -> bool:
        """Whether a pull, sent to `host`, means a registry that nothing here stands for."""
        wanted = namespace or self.of(host)
        if not wanted or scope.is_public or self._own(scope, wanted, host):
            return False
        return self._mirrored(scope, name, wanted) is None

    def of(self, host: str) -> str:
        """The upstream that a host name is a mirror of; empty for any other host."""
        return self._hosts.mirror_of(host) or ""

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
    return (0 if rule.reaches_all else len(rule.upstream_prefix), rule.prefix)
