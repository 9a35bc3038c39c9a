"""ARNs of ECS's things, and what a caller's name or ARN means.

Source: Service Authorization Reference, "Resource types defined by Amazon Elastic Container
Service"; all in the long form, which has the cluster's name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from registry.ecs.errors import invalid
from registry.values.scope import Scope

DEFAULT_CLUSTER = "default"
_PARTS = 6
_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)


def _arn(scope: Scope, rest: str) -> str:
    return f"arn:aws:ecs:{scope.region}:{scope.account}:{rest}"


def cluster_arn(scope: Scope, name: str) -> str:
    """`…:cluster/<name>`."""
    return _arn(scope, f"cluster/{name}")


def capacity_provider_arn(scope: Scope, name: str) -> str:
    """`…:capacity-provider/<name>`."""
    return _arn(scope, f"capacity-provider/{name}")


def task_definition_arn(scope: Scope, family: str, revision: int | str) -> str:
    """`…:task-definition/<family>:<revision>`."""
    return _arn(scope, f"task-definition/{family}:{revision}")


def task_arn(scope: Scope, cluster: str, task_id: str) -> str:
    """`…:task/<cluster>/<id>`."""
    return _arn(scope, f"task/{cluster}/{task_id}")


def container_arn(scope: Scope, cluster: str, task_id: str, container_id: str) -> str:
    """`…:container/<cluster>/<task>/<id>`."""
    return _arn(scope, f"container/{cluster}/{task_id}/{container_id}")


def instance_arn(scope: Scope, cluster: str, instance_id: str) -> str:
    """`…:container-instance/<cluster>/<id>`."""
    return _arn(scope, f"container-instance/{cluster}/{instance_id}")


def service_arn(scope: Scope, cluster: str, name: str) -> str:
    """`…:service/<cluster>/<name>`."""
    return _arn(scope, f"service/{cluster}/{name}")


def service_deployment_arn(scope: Scope, cluster: str, service: str, number: str) -> str:
    """`…:service-deployment/<cluster>/<service>/<id>`."""
    return _arn(scope, f"service-deployment/{cluster}/{service}/{number}")


def service_revision_arn(scope: Scope, cluster: str, service: str, number: str) -> str:
    """`…:service-revision/<cluster>/<service>/<id>`."""
    return _arn(scope, f"service-revision/{cluster}/{service}/{number}")


@dataclass(frozen=True, slots=True)
class Parsed:
    """The parts of an ARN of ECS."""

    scope: Scope
    kind: str
    """Such as `cluster` or `task`."""
    path: tuple[str, ...]
    """What follows the kind: the cluster's name and the id in the long form."""

    @property
    def name(self) -> str:
        """The last part."""
        return self.path[-1]


def parse(arn: str) -> Parsed | None:
    """The parts of `arn`; None if it is no ARN of ECS."""
    parts = arn.split(":", _PARTS - 1)
    if len(parts) != _PARTS or parts[0] != "arn" or parts[2] != "ecs":
        return None
    kind, slash, rest = parts[5].partition("/")
    if not slash or not rest:
        return None
    return Parsed(Scope(parts[4], parts[3]), kind, tuple(rest.split("/")))


def cluster_name(scope: Scope, given: str | None) -> str:
    """The name of the cluster that a parameter `cluster` means: a name, an ARN, or the default.

    Raises ServiceError (InvalidParameterException) for an ARN of another kind or account.
    """
    if not given:
        return DEFAULT_CLUSTER
    return _short(scope, given, "cluster", "Invalid cluster identifier.")


def short_id(scope: Scope, given: str, kind: str) -> str:
    """The id or name that `given` means, itself or the ARN of a thing of that kind.

    Raises ServiceError (InvalidParameterException).
    """
    return _short(scope, given, kind, f"Invalid identifier: {given}")


def _short(scope: Scope, given: str, kind: str, message: str) -> str:
    if not given.startswith("arn:"):
        return given
    parsed = parse(given)
    if parsed is None or parsed.kind != kind:
        raise invalid(message)
    if parsed.scope.account != scope.account:
        raise invalid(
            f"Identifier is for {parsed.scope.account}. Your accountId is {scope.account}"
        )
    if parsed.scope.region != scope.region:
        raise invalid(f"Identifier is for {parsed.scope.region}. Your region is {scope.region}")
    return parsed.name


def check_name(name: str, what: str) -> str:
    """A name that can be given to something. Raises ServiceError (InvalidParameterException)."""
    if not _NAME.fullmatch(name):
        raise invalid(
            f"{what} name must consist of letters, numbers, underscores, and hyphens, and have"
            " at most 255 of them."
        )
    return name
