"""One registry: an account in a region, or its public one; which host names which, and its ARNs.

Source: AWS General Reference, "Amazon Resource Names"; ECR User Guide, "Private registry
concepts" (`<account>.dkr.ecr.<region>.amazonaws.com`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_HOST = re.compile(r"([0-9]{12})\.dkr\.ecr\.([a-z]{2}(?:-[a-z]+)+-[0-9])\.[a-z0-9.-]+", re.ASCII)


NO_REGION = ""
"""What public registries have for a region, in their ARNs too."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Account id (12 digits) and region name that repositories belong to."""

    account: str
    region: str

    @classmethod
    def public_of(cls, account: str) -> Scope:
        """The public registry of an account."""
        return cls(account, NO_REGION)

    @property
    def is_public(self) -> bool:
        """Whether anybody may pull from it."""
        return self.region == NO_REGION

    @property
    def service(self) -> str:
        """The AWS service that it belongs to, as ARNs and IAM actions call it."""
        return "ecr-public" if self.is_public else "ecr"

    def repository_arn(self, name: str) -> str:
        """ARN of a repository here, whether it exists or not."""
        return f"arn:aws:{self.service}:{self.region}:{self.account}:repository/{name}"

    def action(self, action: str) -> str:
        """An IAM action of ECR, `ecr:…`, as it is called for a registry of this kind."""
        return f"{self.service}:{action.partition(':')[2]}"


@dataclass(frozen=True, slots=True)
class Hosts:
    """Which registry a host name means, and by which host name a registry is reached."""

    default: Scope
    """Of every host that names no other."""
    domain: str = "localhost"
    """What stands behind `<account>.dkr.ecr.<region>.` in the names that are given out."""
    custom: Mapping[str, Scope] = field(default_factory=dict)
    """Names of one's own, in lower case and without a port."""
    public: frozenset[str] = frozenset()
    """Names of one's own, of the same form, below which all public registries are."""

    def is_public(self, host: str) -> bool:
        """Whether a Host header means the public registries alone."""
        name = _without_port(host)
        return name == f"public.{self.domain}" or name in self.public

    def public_host(self, asked: str) -> str | None:
        """A host of the public registries, for a client that asked by the host `asked`.

        None where nobody said that there is one: then they are below a path of every host.
        """
        if self.is_public(asked):
            return asked
        port = asked[len(_without_port(asked)) :]
        if self.public:
            return min(self.public) + port
        return None if self.domain == "localhost" else f"public.{self.domain}{port}"

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
