"""Values that a container definition only refers to, read as the execution role.

Source: Developer Guide, "Pass sensitive data to an Amazon ECS container"; amazon-ecs-agent,
"unable to pull secrets or registry auth".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from registry.ecs.agent.collaborators import Resolved, Unavailable
from registry.ecs.agent.environment_files import variables

if TYPE_CHECKING:
    from registry.ecs.clients import Clients
    from registry.ecs.protocol import RoleCredentials, TaskPayload

_SECRETS_MANAGER = "arn:aws:secretsmanager:"
_PULLING = "unable to pull secrets or registry auth: execution resource retrieval failed: "
_SECRET_PARTS = 7
"""Parts of a secret's ARN; `json-key:version-stage:version-id` may follow."""


class Reference(NamedTuple):
    """A secret's ARN with what ECS has it end in."""

    secret: str
    key: str
    stage: str
    version: str


class SecretStores:
    """Asks SSM, Secrets Manager and S3."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def resolve(self, payload: TaskPayload, definition: Mapping[str, Any]) -> Resolved:
        """See collaborators.Secrets."""
        secrets = definition.get("secrets", ())
        options = definition.get("logConfiguration", {}).get("secretOptions", ())
        files = definition.get("environmentFiles", ())
        if not (secrets or options or files):
            return Resolved()
        keys = payload.execution_credentials
        if keys is None:
            raise Unavailable(f"{_PULLING}the task definition has no execution role")
        region = payload.arn.split(":")[3]
        try:
            return Resolved(
                self._files(keys, region, files),
                self._values(keys, region, secrets),
                self._values(keys, region, options),
            )
        except ClientError as error:
            raise Unavailable(f"{_PULLING}{_told(error)}") from None
        except BotoCoreError as error:
            raise Unavailable(f"{_PULLING}{error}") from None

    def _values(
        self, keys: RoleCredentials, region: str, listed: Sequence[Mapping[str, str]]
    ) -> dict[str, str]:
        return {
            each["name"]: self._secret(keys, region, each["valueFrom"])
            if each["valueFrom"].startswith(_SECRETS_MANAGER)
            else self._parameter(keys, region, each["valueFrom"])
            for each in listed
        }

    def _parameter(self, keys: RoleCredentials, region: str, given: str) -> str:
        if given.startswith("arn:"):
            region = given.split(":")[3]
        client = self._clients.of("ssm", region, keys)
        # GetParameters, as the agent: it is what execution roles' policies allow.
        found = client.get_parameters(Names=[given], WithDecryption=True)
        if found["InvalidParameters"]:
            raise Unavailable(
                f"{_PULLING}unable to retrieve secrets from ssm: invalid parameters: {given}"
            )
        return str(found["Parameters"][0]["Value"])

    def _secret(self, keys: RoleCredentials, region: str, given: str) -> str:
        reference = parse_reference(given)
        client = self._clients.of("secretsmanager", given.split(":")[3] or region, keys)
        asked = {"SecretId": reference.secret}
        if reference.stage:
            asked["VersionStage"] = reference.stage
        if reference.version:
            asked["VersionId"] = reference.version
        text = client.get_secret_value(**asked).get("SecretString")
        if text is None:
            raise Unavailable(f"{_PULLING}the secret {reference.secret} holds bytes, not text")
        return str(text) if not reference.key else _member(reference, text)

    def _files(
        self, keys: RoleCredentials, region: str, listed: Sequence[Mapping[str, str]]
    ) -> dict[str, str]:
        found: dict[str, str] = {}
        for each in listed:
            bucket, _, key = each["value"].removeprefix("arn:aws:s3:::").partition("/")
            answer = self._clients.of("s3", region, keys).get_object(Bucket=bucket, Key=key)
            found = {**variables(answer["Body"].read()), **found}
        return found


def parse_reference(given: str) -> Reference:
    """The parts of `valueFrom`: `arn:…:secret:name-abc:json-key:version-stage:version-id`."""
    parts = given.split(":")
    rest = [*parts[_SECRET_PARTS:], "", "", ""]
    return Reference(":".join(parts[:_SECRET_PARTS]), rest[0], rest[1], rest[2])


def _member(reference: Reference, text: str) -> str:
    try:
        value = json.loads(text)[reference.key]
    except (ValueError, KeyError, TypeError):
        raise Unavailable(
            f"{_PULLING}retrieved secret from Secrets Manager did not contain json key"
            f" {reference.key}"
        ) from None
    return value if isinstance(value, str) else json.dumps(value)


def _told(error: ClientError) -> str:
    found = error.response.get("Error", {})
    sources = {
        "GetSecretValue": "unable to retrieve secret from asm",
        "GetParameters": "unable to retrieve secrets from ssm",
        "GetObject": "failed to download env files",
    }
    what = sources.get(error.operation_name, error.operation_name)
    return f"{what}: {found.get('Code')}: {found.get('Message')}"
