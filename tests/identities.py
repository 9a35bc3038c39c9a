"""Roles, temporary credentials and other accounts for tests, on the application in process."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from registry.domain.identities.entities import ROLES
from registry.domain.identities.holdings import Holdings
from registry.domain.identities.roles import Roles
from tests.application import ACCOUNT

if TYPE_CHECKING:
    from registry.domain.identities.directory import AccessKey
    from tests.application import Registry

OTHER = "210987654321"
ADMIN = f"arn:aws:iam::{ACCOUNT}:user/admin"


@dataclass(frozen=True, slots=True)
class Temporary:
    """Temporary credentials, as STS gave them out."""

    id: str
    secret: str = field(repr=False)
    token: str = field(repr=False)


def trusting(principal: str, *actions: str, **condition: Any) -> str:
    """A trust policy for a principal."""
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": list(actions or ("sts:AssumeRole",)),
    }
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def make_role(
    registry: Registry,
    name: str,
    trust: str,
    *policies: str,
    account: str = ACCOUNT,
    seconds: int = 3600,
) -> str:
    """A role with these policies; its ARN."""
    database = registry.ground.database
    role = Roles(database).create(account, name, trust_policy=trust, session_seconds=seconds)
    for number, text in enumerate(policies):
        Holdings(database).put(ROLES, account, name, f"policy-{number}", text)
    return role.arn


def assume(
    registry: Registry, key: AccessKey | Temporary | None, arn: str, **options: Any
) -> Temporary:
    """What AssumeRole gives."""
    options = {"RoleSessionName": "test"} | options
    answer = aws(registry, "sts", key).assume_role(RoleArn=arn, **options)
    return temporary(answer)


def temporary(answer: Any) -> Temporary:
    """The credentials in an answer of STS."""
    found = answer["Credentials"]
    return Temporary(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])


def aws(registry: Registry, service: str, key: AccessKey | Temporary | None = None) -> Any:
    """A boto3 client of a service."""
    key = key or registry.admin
    token = key.token if isinstance(key, Temporary) else None
    return registry.aws(service, key.id, key.secret, token)


def docker_password(registry: Registry, key: AccessKey | Temporary) -> str:
    """What `aws ecr get-login-password` prints."""
    (data,) = aws(registry, "ecr", key).get_authorization_token()["authorizationData"]
    return base64.b64decode(data["authorizationToken"]).decode().partition(":")[2]
