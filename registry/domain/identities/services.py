"""Services of this server as principals: what a role trusts that names `ecs-tasks.amazonaws.com`.

A service has an access key like anybody, but no row: it derives from the server's own secret, so
that only who may read the keyring can act as a service. It may assume the roles that trust it, and
what the policies of resources here allow it by name; nothing else.

Source: IAM User Guide, "AWS service principals".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field

from registry.domain.identities.identity import Document, Identity

ECS_TASKS = "ecs-tasks.amazonaws.com"
"""What runs the containers of ECS."""

_KEY_PREFIX = "ASVC"
_NAMES = (ECS_TASKS,)
_REPORT = {
    "Effect": "Allow",
    "Principal": {"Service": ECS_TASKS},
    "Action": ["ecr:PutImagesInUse", "ecr:DeleteImagesInUse"],
}
REPORTS = Document(
    "who reports the images that ECS runs",
    json.dumps({"Version": "2012-10-17", "Statement": [_REPORT]}),
)
"""The policy of every registry's report of the name `ecs`."""


def is_report(arn: str) -> bool:
    """Whether it is what `REPORTS` is the policy of."""
    return arn.startswith("arn:aws:ecr:") and arn.endswith(":images-in-use/ecs")


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """A service's access key."""

    id: str
    secret: str = field(repr=False)
    identity: Identity = field(repr=False)


class ServiceKeys:
    """The keys of all services."""

    def __init__(self, key: bytes) -> None:
        """`key` is secret, and of the keyring's own."""
        self._by_name = {name: _derived(key, name) for name in _NAMES}
        self._by_id = {each.id: each for each in self._by_name.values()}

    def of(self, service: str) -> ServiceKey:
        """The key of a service. Raises KeyError."""
        return self._by_name[service]

    def find(self, key_id: str) -> ServiceKey | None:
        """The service's key of that id."""
        return self._by_id.get(key_id)


def _derived(key: bytes, service: str) -> ServiceKey:
    def part(purpose: str) -> bytes:
        return hmac.digest(key, f"{purpose} {service}".encode(), hashlib.sha256)

    name = base64.b32encode(part("id")).decode()[:16]
    secret = base64.urlsafe_b64encode(part("secret")).decode()[:40]
    return ServiceKey(_KEY_PREFIX + name, secret, _identity(service))


def _identity(service: str) -> Identity:
    return Identity(service, "", service, service, service=True)
