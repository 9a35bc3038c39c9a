"""Short words for the tests of policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from registry.aws.policy import (
    Policies,
    Policy,
    PolicyKind,
    Principal,
    PrincipalType,
    Request,
    decide,
    parse,
)

HERE, THERE = "111122223333", "444455556666"
ACTION, RESOURCE = "svc:Get", f"arn:aws:svc:us-east-1:{HERE}:thing/one"

USER = Principal(f"arn:aws:iam::{HERE}:user/div/ann", HERE, "AIDAANN", "ann", {"Team": "blue"})
ROLE = f"arn:aws:iam::{HERE}:role/path/builder"
SESSION = Principal(
    f"arn:aws:sts::{HERE}:assumed-role/builder/ci", HERE, "AROA1:ci", "builder", role_arn=ROLE
)
FEDERATED_USER = Principal(
    f"arn:aws:sts::{HERE}:federated-user/ann", HERE, "111122223333:ann", "ann", role_arn=USER.arn
)
ROOT = Principal(f"arn:aws:iam::{HERE}:root", HERE, HERE)
STRANGER = Principal(f"arn:aws:iam::{THERE}:user/bob", THERE, "AIDABOB", "bob")
SERVICE = Principal("tasks.amazonaws.com", type=PrincipalType.SERVICE)

Element = Mapping[str, Any]


def allow(action: str | list[str] = ACTION, **elements: Any) -> dict[str, Any]:
    """An Allow of the action on everything, or what `elements` say."""
    return {"Effect": "Allow", "Action": action, "Resource": "*", **elements}


def deny(action: str | list[str] = ACTION, **elements: Any) -> dict[str, Any]:
    return {**allow(action, **elements), "Effect": "Deny"}


def to(*arns: str) -> dict[str, list[str]]:
    """A Principal of such AWS principals."""
    return {"AWS": list(arns)}


def policy(kind: PolicyKind, *statements: Element, version: str = "2012-10-17") -> Policy:
    return parse({"Version": version, "Statement": list(statements)}, kind)


def identity(*statements: Element, version: str = "2012-10-17") -> Policy:
    return policy(PolicyKind.IDENTITY, *statements, version=version)


def resource(*statements: Element) -> Policy:
    return policy(PolicyKind.RESOURCE, *statements)


def trust(*statements: Element) -> Policy:
    bare = ({name: each[name] for name in each if name != "Resource"} for each in statements)
    return policy(PolicyKind.TRUST, *bare)


def request(
    principal: Principal | None = USER,
    action: str = ACTION,
    on: str = RESOURCE,
    account: str = HERE,
    **context: str | tuple[str, ...],
) -> Request:
    """A request; in the names of `context`, `__` stands for a colon."""
    keys = {name.replace("__", ":").lower(): value for name, value in context.items()}
    return Request(principal, action, on, account, keys)


def applies(statement: Element, asked: Request, version: str = "2012-10-17") -> bool:
    """Whether an Allow statement of an identity policy lets the request pass."""
    return decide(Policies((identity(statement, version=version),)), asked).allowed
