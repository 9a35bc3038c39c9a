"""ECR's operations on a registry as a whole: its policy, replication, account settings.

All are about the caller's own registry, in the region that the request is signed for.
Source: ECR API reference, DescribeRegistry, PutRegistryPolicy, PutReplicationConfiguration,
PutAccountSetting and their like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.policy import PolicyInvalid, PolicyKind, parse
from registry.aws.service import ANY
from registry.ecr.service import ecr, scope_of
from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_ecr.type_defs import (
        ReplicationConfigurationTypeDef,
        ReplicationDestinationTypeDef,
    )

    from registry.aws.context import Context
    from registry.domain.registries import Registries
    from registry.values.scope import Scope

POLICY_MAX = 10_240
"""Characters of a registry's policy (the model's RegistryPolicyText)."""
DESTINATIONS_MAX = 25
"""Different destinations in all rules (ECR User Guide, "Replication")."""


class RegistryPolicyOperations:
    """Put, get, delete."""

    def __init__(self, registries: Registries) -> None:
        self._registries = registries

    @ecr.operation(resource=ANY)
    def put_registry_policy(self, context: Context, *, policy_text: str) -> Mapping[str, Any]:
        """Set the policy, which takes part in every decision about the registry's repositories."""
        try:
            parse(policy_text, PolicyKind.RESOURCE, limit=POLICY_MAX)
        except PolicyInvalid as error:
            raise ParameterInvalid(
                "Invalid parameter at 'PolicyText' failed to satisfy constraint:"
                f" 'Invalid registry policy provided': {error}"
            ) from None
        scope = scope_of(context, None)
        self._registries.set_policy(scope, policy_text)
        return _described(scope, policy_text)

    @ecr.operation(resource=ANY)
    def get_registry_policy(self, context: Context) -> Mapping[str, Any]:
        """The policy, exactly as it was set."""
        scope = scope_of(context, None)
        return _described(scope, self._registries.policy(scope))

    @ecr.operation(resource=ANY)
    def delete_registry_policy(self, context: Context) -> Mapping[str, Any]:
        """Remove the policy."""
        scope = scope_of(context, None)
        return _described(scope, self._registries.delete_policy(scope))


class RegistryOperations:
    """Replication and account settings."""

    def __init__(self, registries: Registries) -> None:
        self._registries = registries

    @ecr.operation(resource=ANY)
    def describe_registry(self, context: Context) -> Mapping[str, Any]:
        """Whose it is, and where it is replicated to."""
        scope = scope_of(context, None)
        return {
            "registryId": scope.account,
            "replicationConfiguration": self._registries.replication(scope),
        }

    @ecr.operation(resource=ANY)
    def put_replication_configuration(
        self, context: Context, *, replication_configuration: ReplicationConfigurationTypeDef
    ) -> Mapping[str, Any]:
        """Keep where images are to be replicated to."""
        scope = scope_of(context, None)
        rules = replication_configuration["rules"]
        _check_destinations(scope, [each for rule in rules for each in rule["destinations"]])
        self._registries.set_replication(scope, replication_configuration)
        return {"replicationConfiguration": replication_configuration}

    @ecr.operation(resource=ANY)
    def get_account_setting(self, context: Context, *, name: str) -> Mapping[str, Any]:
        """A setting's value."""
        value = self._registries.account_setting(scope_of(context, None), name)
        return {"name": name, "value": value}

    @ecr.operation(resource=ANY)
    def put_account_setting(self, context: Context, *, name: str, value: str) -> Mapping[str, Any]:
        """Change a setting."""
        self._registries.set_account_setting(scope_of(context, None), name, value)
        return {"name": name, "value": value}


def _check_destinations(
    scope: Scope, destinations: Sequence[ReplicationDestinationTypeDef]
) -> None:
    found = {(each["registryId"], each["region"]) for each in destinations}
    problem = ""
    if (scope.account, scope.region) in found:
        problem = "the registry itself cannot be a destination"
    elif len(found) > DESTINATIONS_MAX:
        problem = f"at most {DESTINATIONS_MAX} different destinations, not {len(found)}"
    if problem:
        raise ParameterInvalid(
            "Invalid parameter at 'replicationConfiguration' failed to satisfy constraint:"
            f" '{problem}'"
        )


def _described(scope: Scope, text: str) -> Mapping[str, Any]:
    return {"registryId": scope.account, "policyText": text}
