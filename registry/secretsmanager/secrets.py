"""Secrets Manager's operations on secrets as such.

Source: Secrets Manager API reference, CreateSecret, UpdateSecret, DescribeSecret, ListSecrets,
DeleteSecret, RestoreSecret, RotateSecret.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from registry.aws.errors import ServiceError
from registry.aws.service import ANY
from registry.domain.resource_labels import label_set
from registry.domain.secrets.errors import CURRENT
from registry.domain.secrets.filters import ORDERS, wanted
from registry.domain.secrets.names import check_name
from registry.domain.secrets.secrets import NewSecret, exists
from registry.secretsmanager.errors import invalid_request
from registry.secretsmanager.service import (
    Operations,
    conditions,
    new_secret,
    pairs,
    scope_of,
    secretsmanager,
)
from registry.secretsmanager.values import PAGE, value_of
from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.domain.secrets.rows import Secret
    from registry.domain.secrets.values import Value

DAYS = range(7, 31)
_DEFAULT_DAYS = 30
_NO_FUNCTION = (
    "You tried to enable rotation on a secret that doesn't already have a Lambda function ARN"
    " configured and you didn't include such an ARN as a parameter in this call."
)


class SecretOperations(Operations):
    """Make, change, list, delete, restore."""

    @secretsmanager.operation(resource=new_secret, conditions=conditions)
    def create_secret(
        self,
        context: Context,
        *,
        name: str,
        client_request_token: str | None = None,
        description: str | None = None,
        kms_key_id: str | None = None,
        secret_binary: bytes | None = None,
        secret_string: str | None = None,
        tags: Sequence[Mapping[str, str]] = (),
        add_replica_regions: Sequence[Mapping[str, str]] = (),
        force_overwrite_replica_secret: bool = False,  # noqa: ARG002 - there are no replicas
        type: str | None = None,  # noqa: A002 - the model's name
        cross_account_primary_arn: str | None = None,
    ) -> Mapping[str, Any]:
        """Make a secret, with a first version where a value is given."""
        check_name(name)
        if add_replica_regions or cross_account_primary_arn is not None:
            raise ParameterInvalid("This server has no replicas of secrets.")
        labels = label_set(pairs(tags))
        value = value_of(secret_string, secret_binary)
        token = client_request_token or str(uuid.uuid4())
        if (there := self._secrets.find(scope_of(context), name)) is not None:
            return self._again(context, there, token, value)
        key_id = self._key(scope_of(context), kms_key_id)
        new = NewSecret(name, description, kms_key_id, type, labels)
        secret = self._secrets.create(scope_of(context), new)
        answer = {"ARN": secret.arn, "Name": secret.name}
        if value is None:
            return answer
        try:
            self._require(context, secret, token, key_id, "kms:GenerateDataKey", "kms:Decrypt")
            self._values.put(secret, token, value, key_id)
        except BaseException:
            self._secrets.delete(secret, None)
            raise
        return {**answer, "VersionId": token}

    def _again(
        self, context: Context, there: Secret, token: str, value: Value | None
    ) -> Mapping[str, Any]:
        """The answer that got lost, to a client that asks once more."""
        if there.deleted_at is None and value is not None:
            known = [each for each in self._values.all(there) if each.id == token]
            if known:
                self._require(context, there, token, known[0].key_id, "kms:Decrypt")
                self._values.put(there, token, value, known[0].key_id)
                return {"ARN": there.arn, "Name": there.name, "VersionId": token}
        if there.deleted_at is not None:
            raise invalid_request(
                "You can't create this secret because a secret with this name is already scheduled"
                " for deletion."
            )
        raise exists(there.name)

    @secretsmanager.operation(resource=Operations.one_secret, conditions=conditions)
    def update_secret(
        self,
        context: Context,
        *,
        secret_id: str,
        client_request_token: str | None = None,
        description: str | None = None,
        kms_key_id: str | None = None,
        secret_binary: bytes | None = None,
        secret_string: str | None = None,
        type: str | None = None,  # noqa: A002 - the model's name
    ) -> Mapping[str, Any]:
        """Change what is said of a secret, its key, its value.

        With another key the current version is sealed anew; older ones stay under theirs.
        """
        secret = self._get(context, secret_id)
        value = value_of(secret_string, secret_binary)
        answer = {"ARN": secret.arn, "Name": secret.name}
        kms_key = secret.kms_key if kms_key_id is None else kms_key_id or None
        key_id = self._key(secret.scope, kms_key)
        given = {"description": description, "type": type}
        changed: dict[str, Any] = {name: text for name, text in given.items() if text is not None}
        token = client_request_token or str(uuid.uuid4())
        if value is not None or kms_key != secret.kms_key:
            self._require(context, secret, token, key_id, "kms:GenerateDataKey", "kms:Decrypt")
        if kms_key != secret.kms_key:
            changed["kms_key"] = kms_key
            self._reseal(context, secret, key_id)
        if value is not None:
            self._values.put(secret, token, value, key_id)
            answer["VersionId"] = token
        self._secrets.change(secret, **changed)
        return answer

    def _reseal(self, context: Context, secret: Secret, key_id: str) -> None:
        for version in self._values.all(secret):
            if CURRENT in version.stages:
                self._require(context, secret, version.id, version.key_id, "kms:Decrypt")
                self._values.reseal(secret, version, key_id)

    @secretsmanager.operation(resource=Operations.one_secret, conditions=conditions)
    def describe_secret(self, context: Context, *, secret_id: str) -> Mapping[str, Any]:
        """What is known of a secret, without its value."""
        secret = self._secrets.known(scope_of(context), secret_id)
        return _described(secret) | {"VersionIdsToStages": self._stages(secret)}

    @secretsmanager.operation(resource=ANY)
    def list_secrets(
        self,
        context: Context,
        *,
        include_planned_deletion: bool = False,
        max_results: int = PAGE,
        next_token: str | None = None,
        filters: Sequence[Mapping[str, Any]] = (),
        sort_order: str = "desc",
        sort_by: str = "created-date",
    ) -> Mapping[str, Any]:
        """The account's secrets in the region, the newest first if nothing else is said."""
        test = wanted(filters)
        found = [
            each
            for each in self._secrets.all(scope_of(context))
            if (include_planned_deletion or each.deleted_at is None) and test(each)
        ]
        found.sort(key=ORDERS[sort_by], reverse=sort_order == "desc")
        asked = [include_planned_deletion, list(filters), sort_order, sort_by]
        listing = f"secrets {context.caller.arn} {[context.region, *asked]}"
        start = self._position(listing, next_token)
        end = start + max_results
        more = {"NextToken": self._pages.seal(listing, end)} if end < len(found) else {}
        shown = [
            _described(each) | {"SecretVersionsToStages": self._stages(each)}
            for each in found[start:end]
        ]
        return {"SecretList": shown, **more}

    def _stages(self, secret: Secret) -> dict[str, list[str]] | None:
        found = {each.id: list(each.stages) for each in self._values.all(secret) if each.stages}
        return found or None

    @secretsmanager.operation(resource=Operations.one_secret, conditions=conditions)
    def delete_secret(
        self,
        context: Context,
        *,
        secret_id: str,
        recovery_window_in_days: int | None = None,
        force_delete_without_recovery: bool = False,
    ) -> Mapping[str, Any]:
        """Delete a secret after some days, or now."""
        days = recovery_window_in_days
        if force_delete_without_recovery and days is not None:
            raise ParameterInvalid(
                "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays."
            )
        days = _DEFAULT_DAYS if days is None else days
        if days not in DAYS:
            raise ParameterInvalid(
                "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."
            )
        secret = self._secrets.known(scope_of(context), secret_id)
        if secret.deleted_at is not None and not force_delete_without_recovery:
            secret = self._get(context, secret_id)  # it says so
        when = self._secrets.delete(secret, None if force_delete_without_recovery else days)
        return {"ARN": secret.arn, "Name": secret.name, "DeletionDate": when}

    @secretsmanager.operation(resource=Operations.one_secret, conditions=conditions)
    def restore_secret(self, context: Context, *, secret_id: str) -> Mapping[str, Any]:
        """Keep a secret after all."""
        secret = self._secrets.known(scope_of(context), secret_id)
        self._secrets.restore(secret)
        return {"ARN": secret.arn, "Name": secret.name}

    @secretsmanager.operation(resource=Operations.one_secret, conditions=conditions)
    def rotate_secret(
        self,
        context: Context,
        *,
        secret_id: str,
        client_request_token: str | None = None,  # noqa: ARG002 - nothing is made
        rotation_lambda_arn: str | None = None,
        rotation_rules: Mapping[str, Any] | None = None,  # noqa: ARG002 - nothing rotates
        external_secret_rotation_metadata: Sequence[Mapping[str, str]] = (),  # noqa: ARG002 - the same
        external_secret_rotation_role_arn: str | None = None,  # noqa: ARG002 - the same
        rotate_immediately: bool = True,  # noqa: ARG002 - the same
    ) -> Mapping[str, Any]:
        """Refused: there are no functions here that could make a new value."""
        self._get(context, secret_id)
        if rotation_lambda_arn is None:
            raise invalid_request(_NO_FUNCTION)
        raise ServiceError(
            "ResourceNotFoundException",
            "This server has no functions: Secrets Manager can't find the Lambda function"
            " RotationLambdaARN.",
        )


def _described(secret: Secret) -> dict[str, Any]:
    return {
        "ARN": secret.arn,
        "Name": secret.name,
        "Type": secret.type,
        "Description": secret.description,
        "KmsKeyId": secret.kms_key,
        "RotationEnabled": False,
        "LastChangedDate": secret.changed_at,
        "LastAccessedDate": secret.accessed_at,
        "DeletedDate": secret.deleted_at,
        "Tags": [{"Key": key, "Value": secret.tags[key]} for key in sorted(secret.tags)],
        "CreatedDate": secret.created_at,
    }
