"""Who asks for what: the principal, the request and its context keys.

Source: IAM User Guide, "AWS global condition context keys" and "The request context".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

Value = str | tuple[str, ...] | None
"""A context key's value: one, several, or none at all."""

Lookup = Callable[[str], Value]
"""Gives the value of a context key, whose name is in lower case."""

_TAG_PREFIX = "aws:principaltag/"


class PrincipalType(Enum):
    """The names under which a Principal element lists principals."""

    AWS = "AWS"
    SERVICE = "Service"
    FEDERATED = "Federated"
    CANONICAL_USER = "CanonicalUser"


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller.

    `arn` is what makes the request: a user, a role session
    (`arn:aws:sts::…:assumed-role/Role/Session`), a federated user session, the account's root
    user; for the other types, the service's name, the provider or the canonical id.
    """

    arn: str
    account: str = ""
    user_id: str = ""
    """`aws:userid`: `AIDA…`, or `AROA…:session`."""
    name: str = ""
    """`aws:username`; counts for IAM users only."""
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    role_arn: str | None = None
    """For a session, the ARN (with its path) of the role, or of the user who federated."""
    type: PrincipalType = PrincipalType.AWS

    @property
    def is_root(self) -> bool:
        """Whether this is the account's root user, allowed everything by default."""
        return self.type is PrincipalType.AWS and self.entity == "root"

    @property
    def is_federated_user(self) -> bool:
        """Whether this is a session of GetFederationToken."""
        return self.entity.startswith("federated-user/")

    @property
    def entity(self) -> str:
        """The part of the ARN behind its fifth colon: `user/div/ann`, `root`, …"""
        return self.arn.split(":", 5)[-1]


@dataclass(frozen=True, slots=True)
class Request:
    """One request for one action on one resource.

    `context` holds condition keys in lower case. What the principal and the resource imply
    (`aws:PrincipalArn`, `aws:PrincipalTag/*`, `aws:username`, `aws:ResourceAccount`, …) is
    derived here and cannot be overridden by it. `principal` is None for an anonymous caller.
    """

    principal: Principal | None
    action: str
    resource: str
    resource_account: str
    context: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict, hash=False)

    def value(self, key: str) -> Value:
        """The value of a context key named in lower case; None where there is none."""
        derived = _DERIVED.get(key)
        if derived is not None:
            return derived(self)
        if key.startswith(_TAG_PREFIX):
            return self._principal_tag(key.removeprefix(_TAG_PREFIX))
        return self.context.get(key)

    def _principal_tag(self, name: str) -> Value:
        tags = self.principal.tags if self.principal is not None else {}
        return next((value for tag, value in tags.items() if tag.lower() == name), None)


def _of_aws(read: Callable[[Principal], str | None]) -> Callable[[Request], Value]:
    """A key that only principals of accounts have."""

    def value(request: Request) -> Value:
        principal = request.principal
        if principal is None or principal.type is not PrincipalType.AWS:
            return None
        return read(principal) or None

    return value


def _user_name(principal: Principal) -> str | None:
    return principal.name if principal.entity.startswith("user/") else None


def _user_id(request: Request) -> Value:
    return request.principal.user_id or None if request.principal is not None else "anonymous"


def _principal_type(request: Request) -> Value:
    principal = request.principal
    if principal is None:
        return "Anonymous"
    if principal.type is not PrincipalType.AWS:
        return None
    if principal.is_root:
        return "Account"
    if principal.is_federated_user:
        return "FederatedUser"
    return "AssumedRole" if principal.entity.startswith("assumed-role/") else "User"


def _is_service(request: Request) -> bool:
    principal = request.principal
    return principal is not None and principal.type is PrincipalType.SERVICE


def _service_name(request: Request) -> Value:
    principal = request.principal
    return principal.arn if principal is not None and _is_service(request) else None


_DERIVED: Mapping[str, Callable[[Request], Value]] = {
    # For a session this is the role's ARN, not the session's.
    "aws:principalarn": _of_aws(lambda principal: principal.role_arn or principal.arn),
    "aws:principalaccount": _of_aws(lambda principal: principal.account),
    "aws:username": _of_aws(_user_name),
    "aws:userid": _user_id,
    "aws:principaltype": _principal_type,
    "aws:principalisawsservice": lambda request: str(_is_service(request)).lower(),
    "aws:principalservicename": _service_name,
    "aws:resourceaccount": lambda request: request.resource_account or None,
}
