"""Parameter Store's operations that write.

Source: Systems Manager API reference, PutParameter, DeleteParameter, DeleteParameters,
LabelParameterVersion, UnlabelParameterVersion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.errors import ServiceError
from registry.domain.parameters.checking import check_value, tier_of
from registry.domain.parameters.errors import ParameterNotFound
from registry.domain.parameters.names import check_name, key_of, parameter_arn
from registry.domain.parameters.parameters import SECURE, NewVersion
from registry.domain.resource_labels import label_set
from registry.keys.ring import SSM_ALIAS
from registry.ssm.service import (
    Operations,
    one_parameter,
    put_conditions,
    scope_of,
    some_parameters,
    ssm,
)
from registry.values.errors import KeyNotFound, ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.domain.parameters.parameters import Version
    from registry.values.scope import Scope


class WritingOperations(Operations):
    """Put, delete, label."""

    @ssm.operation(resource=one_parameter, conditions=put_conditions)
    def put_parameter(
        self,
        context: Context,
        *,
        name: str,
        description: str | None = None,
        value: str,
        type: str | None = None,  # noqa: A002 - the model's name
        key_id: str | None = None,
        overwrite: bool = False,
        allowed_pattern: str | None = None,
        tags: Sequence[Mapping[str, str]] | None = None,
        tier: str | None = None,
        policies: str | None = None,
        data_type: str | None = None,
    ) -> Mapping[str, Any]:
        """Keep a value as a new version."""
        _check(name, policies, overwrite=overwrite, tagged=bool(tags))
        scope = scope_of(context)
        before = self._parameters.find(scope, key_of(name))
        kind = type or (before.type if before else None)
        if kind is None:
            raise ParameterInvalid("A parameter type is required when you create a parameter.")
        if before is not None and overwrite:
            description = before.description if description is None else description
            allowed_pattern = before.allowed_pattern if allowed_pattern is None else allowed_pattern
            tier, data_type = tier or before.tier, data_type or before.data_type
        check_value(value, data_type or "text", allowed_pattern)
        tier = tier_of(tier, value)
        sealing, kms_key = self._key(context, name, kind, key_id, before)
        new = NewVersion(
            value=value,
            type=kind,
            key_id=sealing,
            kms_key=kms_key,
            description=description,
            allowed_pattern=allowed_pattern,
            tier=tier,
            data_type=data_type or "text",
            modified_by=context.caller.arn,
        )
        labels = label_set([(tag["Key"], tag["Value"]) for tag in tags or ()])
        number = self._parameters.put(scope, name, new, overwrite=overwrite, tags=labels)
        return {"Version": number, "Tier": tier}

    def _key(
        self,
        context: Context,
        name: str,
        kind: str,
        asked: str | None,
        before: Version | None,
    ) -> tuple[str, str | None]:
        """The master key of a value, and what to show of it."""
        scope = scope_of(context)
        if kind != SECURE:
            if asked is not None:
                raise ParameterInvalid("KeyId is required for SecureString type parameter only.")
            return self._keys.resolve(SSM_ALIAS, scope), None
        shown = asked or (before.kms_key if before else None) or SSM_ALIAS
        key_id = self._resolved(scope, shown)
        arn = parameter_arn(scope, key_of(name))
        self._require(context, "kms:Encrypt", key_id, arn)
        return key_id, shown

    def _resolved(self, scope: Scope, asked: str) -> str:
        try:
            return self._keys.resolve(asked, scope)
        except KeyNotFound:
            raise KeyNotFound(f"Invalid keyId {asked}") from None

    @ssm.operation(resource=one_parameter)
    def delete_parameter(self, context: Context, *, name: str) -> None:
        """Delete a parameter with all its versions."""
        found = self._reference(context, name)
        self._parameters.delete(found.scope, found.key)

    @ssm.operation(resource=some_parameters)
    def delete_parameters(self, context: Context, *, names: Sequence[str]) -> Mapping[str, Any]:
        """Delete several, those that there are."""
        deleted, invalid = [], []
        for name in dict.fromkeys(names):
            found = self._reference(context, name)
            try:
                self._parameters.delete(found.scope, found.key)
            except ParameterNotFound:
                invalid.append(name)
            else:
                deleted.append(name)
        return {"DeletedParameters": deleted, "InvalidParameters": invalid}

    @ssm.operation(resource=one_parameter)
    def label_parameter_version(
        self,
        context: Context,
        *,
        name: str,
        parameter_version: int | None = None,
        labels: Sequence[str],
    ) -> Mapping[str, Any]:
        """Put labels on a version."""
        found = self._reference(context, name)
        number, invalid = self._parameters.label(found.scope, found.key, parameter_version, labels)
        return {"InvalidLabels": invalid, "ParameterVersion": number}

    @ssm.operation(resource=one_parameter)
    def unlabel_parameter_version(
        self, context: Context, *, name: str, parameter_version: int, labels: Sequence[str]
    ) -> Mapping[str, Any]:
        """Take labels off a version."""
        found = self._reference(context, name)
        removed, missing = self._parameters.unlabel(
            found.scope, found.key, parameter_version, labels
        )
        return {"RemovedLabels": removed, "InvalidLabels": missing}


def _check(name: str, policies: str | None, *, overwrite: bool, tagged: bool) -> None:
    check_name(name)
    if overwrite and tagged:
        raise ParameterInvalid(
            "Invalid request: tags and overwrite can't be used together. To create a parameter"
            " with tags, please remove overwrite flag. To update tags for an existing parameter,"
            " please use AddTagsToResource or RemoveTagsFromResource."
        )
    if policies is not None and policies.strip() not in ("", "[]"):
        raise ServiceError("InvalidPolicyTypeException", "This server has no parameter policies.")
