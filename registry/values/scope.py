"""One private registry: an account in a region; which host names which, and its ARNs.

Source: AWS General Reference, "Amazon Resource Names"; ECR User Guide, "Private registry
concepts" (`<account>.dkr.ecr.<region>.amazonaws.com`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_HOST = re.compile(r"([0-9]{12})\.dkr\.ecr\.([a-z]{2}(?:-[a-z]+)+-[0-9])\.[a-z0-9.-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Scope:
    """Account id (12 digits) and region name that repositories belong to."""

    account: str
    region: str

    def repository_arn(self, name: str) -> str:
        """ARN of a repository here, whether it exists or not."""
        return f"arn:aws:ecr:{self.region}:{self.account}:repository/{name}"


@dataclass(frozen=True, slots=True)
class Hosts:
    """Which registry a host name means, and by which host name a registry is reached."""

    default: Scope
    """Of every host that names no other."""
    domain: str = "localhost"
    """What stands behind `<account>.dkr.ecr.<region>.` in the names that are given out."""
    custom: Mapping[str, Scope] = field(default_factory=dict)
    """Names of one's own, in lower case and without a port."""

    def scope(self, host: str) -> Scope:
        """The registry that a Host header means."""
        name = _without_port(host)
        found = self.custom.get(name)
        if found is not None:
            return found
        match = _HOST.fullmatch(name)
        return Scope(*match.groups()) if match else self.default

    def names(self, host: str) -> bool:
        """Whether the name is one that means a registry here, whatever the default is."""
        name = _without_port(host)
        return name in self.custom or _HOST.fullmatch(name) is not None

    def host(self, scope: Scope, asked: str) -> str:
        """The host by which `scope` is reached, for a client that asked by the host `asked`."""
        if self.scope(asked) == scope:
            return asked
        port = asked[len(_without_port(asked)) :]
        for name, other in self.custom.items():
            if other == scope:
                return name + port
        return f"{scope.account}.dkr.ecr.{scope.region}.{self.domain}{port}"


def _without_port(host: str) -> str:
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdigit() else host.lower()
