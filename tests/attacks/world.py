"""A registry with something to steal, and everybody who must not get it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from registry.domain.identities.directory import AccessKey
from registry.domain.identities.identity import Credential
from registry.domain.identities.robots import PUSH, Robot, narrow_policy, repository_arns
from registry.domain.tokens import LIFETIME, Tokens
from registry.stores import tokens_of
from registry.values.scope import Scope
from tests.application import ACCOUNT, HOST, REGION, Answer, Registry, allow, basic, on
from tests.http.asgi import Sent, receiving
from tests.identities import (
    ADMIN,
    OTHER,
    Temporary,
    assume,
    aws,
    docker_password,
    make_role,
)
from tests.images import Image, layer, oci_image, push

SECRET = "secret/app"
"""Holds `HIDDEN` under the tag v1; nobody of `World.callers` may do anything to it."""
MISSING = "secret/non"
"""Of the same length, and not there."""
HIDDEN = oci_image(layer({"key": b"what nobody may see"}))
THEIRS = oci_image(layer({"key": b"the other account's own"}))
DIGEST = HIDDEN.blobs[0].digest
NEIGHBOUR = "team/*"
"""What some of them may do anything to; no such repository is there."""


@dataclass(frozen=True, slots=True)
class World:
    """The registry, the secrets that were handed out, and the headers they come in."""

    registry: Registry
    callers: Mapping[str, str | None]
    """By name, the Authorization header of somebody without a right to `SECRET`; None: without."""
    signers: Mapping[str, AccessKey | Temporary]
    """The same for those who sign."""
    _clients: dict[tuple[str, AccessKey | Temporary], Any] = field(default_factory=dict)

    def client(self, service: str, key: AccessKey | Temporary) -> Any:
        """A boto3 client; one for each service and key, as making one takes long."""
        if (service, key) not in self._clients:
            self._clients[service, key] = aws(self.registry, service, key)
        return self._clients[service, key]


def made(registry: Registry) -> World:
    """Two accounts, each with an image, and those who may not have that of the first."""
    registry.create(SECRET)
    registry.hold(SECRET, HIDDEN, "v1")
    signers = _signers(registry)
    passwords = {name: docker_password(registry, key) for name, key in signers.items()}
    passwords |= _ended(registry) | _forged(registry)
    passwords["robot"] = tokens_of(registry.ground).for_robot(make_robot(registry).id)
    headers: dict[str, str | None] = {name: basic(text) for name, text in passwords.items()}
    for name in ("gone user", "gone key"):
        signers[name] = _gone(registry, name)
    headers |= {
        "nobody": None,
        "an access key": basic(registry.admin.secret, registry.admin.id),
        "a bearer": f"Bearer {registry.token()}",
        "no base64": "Basic AWS:AWS",
    }
    return World(registry, headers, signers)


def foreign(registry: Registry) -> AccessKey:
    """Who may do everything in the other account, which holds `THEIRS` under the same name."""
    key = registry.user("mallory", allow("*"), account=OTHER)
    registry.repositories.create(Scope(OTHER, REGION), SECRET)
    with registry.http(key) as docker:
        docker.headers["host"] = host_of(OTHER)
        push(docker, SECRET, THEIRS, "v1")
    return key


def host_of(account: str, region: str = REGION) -> str:
    """The host name of a registry."""
    return f"{account}.dkr.ecr.{region}.localhost:5000"


def make_robot(registry: Registry, name: str = "ci") -> Robot:
    """A robot of the administrator's for `NEIGHBOUR`."""
    user = registry.ground.directory.user_named(ACCOUNT, "admin")
    assert user is not None
    document = narrow_policy(repository_arns(ACCOUNT, [NEIGHBOUR]), PUSH)
    return registry.ground.robots.create(user, name, document, None)


def _signers(registry: Registry) -> dict[str, AccessKey | Temporary]:
    login = allow("ecr:GetAuthorizationToken")
    near = allow("ecr:*", resource=on(NEIGHBOUR))
    but = allow("ecr:*", resource=on("secret/*"), effect="Deny")
    unlisted = allow("ecr:DescribeRepositories", effect="Deny")  # a listing is of all or of none
    role = make_role(registry, "any", trusting_all(ADMIN), allow("*"))
    limited = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "ecr:*", "Resource": on(NEIGHBOUR)},
        {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
    ]})  # fmt: skip
    return {
        "stranger": registry.user("stranger", login),
        "neighbour": registry.user("neighbour", login, near),
        "refused": registry.user("refused", login, allow("ecr:*"), but, unlisted),
        "foreigner": foreign(registry),
        "session": assume(registry, None, role, Policy=limited),
    }


def trusting_all(principal: str) -> str:
    """A trust policy for one principal."""
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _ended(registry: Registry) -> dict[str, str]:
    tokens = tokens_of(registry.ground)
    late = datetime.now(UTC) - LIFETIME - timedelta(seconds=1)
    robots = registry.ground.robots
    revoked = make_robot(registry, "revoked")
    robots.revoke(ACCOUNT, revoked.id)
    passwords = {
        "expired": tokens.issue(Credential(registry.admin.id), late).password,
        "revoked robot": tokens.for_robot(revoked.id),
    }
    for what in ("user", "key"):
        key = registry.user(f"ended-{what}", allow("*"))
        passwords[f"ended {what}"] = registry.token(key)
        end = registry.set_user_active if what == "user" else registry.set_key_active
        end(key, active=False)
    return passwords


def _gone(registry: Registry, name: str) -> AccessKey:
    key = registry.user(name.replace(" ", "-"), allow("*"))
    end = registry.set_user_active if "user" in name else registry.set_key_active
    end(key, active=False)
    return key


def _forged(registry: Registry) -> dict[str, str]:
    ground = registry.ground
    other = Tokens(b"k" * 32, ground.directory, ground.sessions, ground.robots)
    true = registry.token()
    return {
        "other keyring": other.issue(Credential(registry.admin.id)).password,
        "other robot": other.for_robot("ARBT" + "A" * 17),
        "truncated": true[:-4],
        "flipped": ("A" if true[0] != "A" else "B") + true[1:],
        "empty": "",
        "session token": assume(registry, None, f"arn:aws:iam::{ACCOUNT}:role/any").token,
    }


def ask(
    registry: Registry,
    method: str,
    target: bytes,
    authorization: str | None = None,
    *,
    host: bytes = HOST.encode(),
    headers: Sequence[tuple[bytes, bytes]] = (),
    body: bytes = b"",
) -> Answer:
    """A request of any bytes, as no client would send it."""
    path, _, query = target.partition(b"?")
    given = [(b"host", host), (b"content-length", str(len(body)).encode()), *headers]
    if authorization is not None:
        given.append((b"authorization", authorization.encode()))
    scope = {
        "type": "http",
        "method": method,
        "path": path.decode("latin-1"),
        "raw_path": path,
        "query_string": query,
        "headers": given,
        "scheme": "http",
        "client": ("192.0.2.7", 1234),
        "server": ("registry.test", 5000),
        "http_version": "1.1",
        "root_path": "",
    }
    sent = Sent()
    registry.loop.run(registry.app(scope, receiving([body] if body else []), sent))
    return Answer(sent.messages[0]["status"], sent.body)


def leaked(body: bytes, *images: Image) -> bool:
    """Whether a body has bytes of an image."""
    return any(
        content in body
        for image in images
        for content in (image.manifest, *(blob.content for blob in image.blobs))
    )
