"""What all operations of Secrets Manager share: the declarations, ARNs, conditions, keys.

Source: Service Authorization Reference, "AWS Secrets Manager".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.aws.errors import Fault, RequestError, ServiceError
from registry.aws.service import Declarations
from registry.domain.access import Found
from registry.domain.key_calls import Asking
from registry.domain.requests import circumstances_of, identity_of
from registry.domain.secrets.names import UNKNOWN, is_arn, located, named_arn
from registry.keys.ring import SECRETS_ALIAS
from registry.secretsmanager.errors import invalid_request
from registry.values.errors import Denied, KeyNotFound, ParameterInvalid
from registry.values.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.aws.pages import Pages
    from registry.aws.service import Conditions
    from registry.domain.access import Access
    from registry.domain.key_calls import KeyCalls
    from registry.domain.secrets.rows import Secret, Version
    from registry.domain.secrets.secrets import Secrets
    from registry.domain.secrets.values import Values
    from registry.keys.provider import KeyProvider

secretsmanager = Declarations("secretsmanager")

_ASKED = {
    "secret_id": "secretsmanager:secretid",
    "name": "secretsmanager:name",
    "description": "secretsmanager:description",
    "version_id": "secretsmanager:versionid",
    "version_stage": "secretsmanager:versionstage",
    "recovery_window_in_days": "secretsmanager:recoverywindowindays",
    "force_delete_without_recovery": "secretsmanager:forcedeletewithoutrecovery",
    "block_public_policy": "secretsmanager:blockpublicpolicy",
}


@dataclass(frozen=True, slots=True)
class Stores:
    """The domain under these operations."""

    secrets: Secrets
    values: Values
    keys: KeyProvider
    calls: KeyCalls
    access: Access


def scope_of(context: Context) -> Scope:
    """The account and region that an operation is about."""
    return Scope(context.account, context.region)


def conditions(_context: Context, parameters: Mapping[str, Any]) -> Sequence[Conditions]:
    """The condition keys of a request."""
    found: dict[str, str | tuple[str, ...]] = {}
    for name, condition in _ASKED.items():
        if (value := parameters.get(name)) is not None:
            found[condition] = str(value).lower() if isinstance(value, bool) else str(value)
    tags = dict(pairs(parameters.get("tags") or ()))
    found |= {f"aws:requesttag/{key.lower()}": value for key, value in tags.items()}
    if keys := tuple(parameters.get("tag_keys") or tags):
        found["aws:tagkeys"] = keys
    return (found,)


def pairs(tags: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    """Tags, of which the model requires neither member."""
    return [(each.get("Key", ""), each.get("Value", "")) for each in tags]


def new_secret(context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """ARN of a secret that is to be made; its last characters are not known yet."""
    return (named_arn(scope_of(context), f"{parameters['name']}-{UNKNOWN}"),)


class Operations:
    """What every group of operations has."""

    def __init__(self, stores: Stores, pages: Pages) -> None:
        self._secrets = stores.secrets
        self._values = stores.values
        self._keys = stores.keys
        self._calls = stores.calls
        self._access = stores.access
        self._pages = pages

    def one_secret(self, context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
        """ARN of the secret `SecretId`."""
        return (self._arn(context, parameters["secret_id"]),)

    def _arn(self, context: Context, secret_id: str) -> str:
        """Of what was found; a refusal shows what was asked for."""
        scope, name = located(scope_of(context), secret_id)
        if scope.region != context.region:
            raise ParameterInvalid("The secret's ARN is of another region.")
        asked = secret_id if is_arn(secret_id) else named_arn(scope, name)
        found = self._secrets.find(scope_of(context), secret_id)
        return Found(asked if found is None else found.arn, asked)

    def _get(self, context: Context, secret_id: str) -> Secret:
        """Raises SecretMissing, SecretDeleted."""
        return self._secrets.get(scope_of(context), secret_id)

    def _key(self, scope: Scope, asked: str | None) -> str:
        """Id of the master key of a secret. Raises InvalidParameterException, KeyUnavailable."""
        try:
            key_id = self._keys.resolve(asked or SECRETS_ALIAS, scope)
        except KeyNotFound:
            raise ParameterInvalid(f"The KMS key {asked} does not exist.") from None
        self._keys.check(key_id)
        return key_id

    def _require(
        self, context: Context, secret: Secret, version: str, key_id: str, *actions: str
    ) -> None:
        """Raise AccessDeniedException unless the caller may use the key for a value."""
        asking = Asking(identity_of(context), circumstances_of(context, {}), secret.scope)
        if secret.kms_key in (None, SECRETS_ALIAS) and asking.identity.account != (
            secret.scope.account
        ):
            raise invalid_request(
                "You can't access a secret from a different AWS account if you encrypt the secret"
                " with the default KMS service key."
            )
        bound = {"SecretARN": secret.arn, "SecretVersionId": version}
        try:
            for action in actions:
                self._calls.require(asking, action, key_id, bound)
        except Denied:
            message = "Access to KMS is not allowed"
            raise RequestError(Fault.DENIED, message) from None

    def _shown(self, context: Context, secret: Secret, version: Version) -> dict[str, Any]:
        """A version with its value. Raises AccessDeniedException, KeyNotFound, KeyUnavailable."""
        self._require(context, secret, version.id, version.key_id, "kms:Decrypt")
        value = self._values.open(secret, version)
        self._secrets.accessed(secret, version.id)
        member = (
            {"SecretBinary": value.content}
            if value.kind == "binary"
            else {"SecretString": value.content.decode("utf-8", "surrogatepass")}
        )
        return {
            "ARN": secret.arn,
            "Name": secret.name,
            "VersionId": version.id,
            **member,
            "VersionStages": list(version.stages) or None,
            "CreatedDate": version.created_at,
        }

    def _position(self, listing: str, token: str | None) -> int:
        try:
            return self._pages.open(listing, token, 0)
        except ParameterInvalid:
            message = "The NextToken value is not valid."
            raise ServiceError("InvalidNextTokenException", message) from None
