"""As whom images are pulled: from this registry as the execution role, elsewhere as anybody.

Source: Developer Guide, "Amazon ECS task execution IAM role", "Using non-AWS container images";
amazon-ecs-agent, `CannotPullECRContainerError`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from registry.ecs.agent.collaborators import PullSource, Unavailable

if TYPE_CHECKING:
    from registry.ecs.clients import Clients, Keys
    from registry.ecs.protocol import TaskPayload
    from registry.values.scope import Hosts, Scope

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_SERVER_ERROR = 500


class Registries:
    """Knows this registry by its hosts, and asks it for a password."""

    def __init__(
        self,
        clients: Clients,
        hosts: Hosts,
        own: frozenset[str],
        instance_role: Callable[[TaskPayload], Keys | None] = lambda _payload: None,
    ) -> None:
        """`own` are addresses, `host:port`, at which this server answers beside `hosts`;
        `instance_role` gives the credentials of EC2 tasks without an execution role."""
        self._clients = clients
        self._hosts = hosts
        self._own = own
        self._instance_role = instance_role

    def source(self, payload: TaskPayload, definition: Mapping[str, Any]) -> PullSource:
        """See collaborators.Puller."""
        image = str(definition["image"])
        if given := definition.get("repositoryCredentials", {}).get("credentialsParameter"):
            return PullSource(image, *self._kept(payload, given))
        host = host_of(image)
        if host is None or not self.is_own(host):
            return PullSource(image)
        keys = payload.execution_credentials or self._instance_role(payload)
        if keys is None:
            return PullSource(image)
        return PullSource(image, *self._password(keys, self._hosts.scope(host)))

    def is_own(self, host: str) -> bool:
        """Whether images of that host are this registry's."""
        return host in self._own or self._hosts.names(host)

    def _password(self, keys: Keys, scope: Scope) -> tuple[str, str]:
        try:
            ecr = self._clients.of("ecr", scope.region, keys)
            (found,) = ecr.get_authorization_token()["authorizationData"]
        except ClientError as error:
            raise refused(error, "unable to retrieve ecr registry auth") from None
        username, _, password = (
            base64.b64decode(found["authorizationToken"]).decode().partition(":")
        )
        return username, password

    def _kept(self, payload: TaskPayload, secret: str) -> tuple[str, str]:
        """Username and password of `repositoryCredentials`, from Secrets Manager."""
        if payload.execution_credentials is None:
            raise Unavailable("repositoryCredentials need an execution role")
        region = payload.arn.split(":")[3]
        try:
            client = self._clients.of("secretsmanager", region, payload.execution_credentials)
            found = json.loads(client.get_secret_value(SecretId=secret)["SecretString"])
            return str(found["username"]), str(found["password"])
        except ClientError as error:
            raise refused(error, "unable to retrieve secret from asm") from None
        except (ValueError, KeyError, TypeError):
            raise Unavailable(
                f"the secret {secret} must be a JSON object with username and password"
            ) from None


def refused(error: ClientError, what: str) -> Exception:
    """What becomes of an answer that is no success: final, unless the server itself failed."""
    answer = error.response
    if answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= _SERVER_ERROR:
        return error
    found = answer.get("Error", {})
    return Unavailable(f"{what}: {found.get('Code')}: {found.get('Message')}")


def host_of(image: str) -> str | None:
    """The registry's host in a reference; None where it is Docker Hub's.

    Source: distribution's reference grammar: a first part with a dot, a colon, or `localhost`.
    """
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first.lower()
    return None


def own_addresses(host: str, port: int) -> frozenset[str]:
    """At which addresses a server that listens there is reached from its own machine."""
    names = {*_LOOPBACK, host.lower()}
    return frozenset(f"{name}:{port}" for name in names)
