"""CloudWatch Logs' operations on log groups.

Source: CloudWatch Logs API reference, CreateLogGroup, DescribeLogGroups, DeleteLogGroup,
PutRetentionPolicy, DeleteRetentionPolicy, PutLogGroupDeletionProtection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.domain.logs.groups import NewGroup, group_arn
from registry.domain.resource_labels import label_set
from registry.logs.service import (
    Operations,
    any_group,
    group_resource,
    logs,
    named,
    of_arn,
    scope_of,
    tag_conditions,
)
from registry.values.errors import KeyNotFound, KeyUnavailable, ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.domain.logs.groups import Group
    from registry.values.scope import Scope

PAGE = 50
"""Entries of a listing's page, where `limit` says nothing."""
_RESERVED = "aws/"
_KEPT_CLASS = "STANDARD"


class GroupOperations(Operations):
    """Create, list, keep for so long, delete."""

    @logs.operation(resource=group_resource, conditions=tag_conditions)
    def create_log_group(
        self,
        context: Context,
        *,
        log_group_name: str,
        kms_key_id: str | None = None,
        tags: Mapping[str, str] | None = None,
        log_group_class: str = _KEPT_CLASS,
        deletion_protection_enabled: bool = False,
    ) -> None:
        """Make a group, with a key of its own."""
        if log_group_name.startswith(_RESERVED):
            raise ParameterInvalid("Log groups starting with AWS/ are reserved for AWS.")
        if log_group_class != _KEPT_CLASS:
            raise ParameterInvalid(f"this server has no log groups of the class {log_group_class}")
        scope = scope_of(context)
        key_id = self._key(scope, log_group_name, kms_key_id)
        labels = label_set(list((tags or {}).items()))
        new = NewGroup(
            log_group_name,
            key_id,
            kms_key=kms_key_id,
            log_class=log_group_class,
            tags=labels,
            protected=deletion_protection_enabled,
        )
        self._groups.create(scope, new)

    def _key(self, scope: Scope, name: str, asked: str | None) -> str:
        try:
            return self._key_of(scope, asked)
        except (KeyNotFound, KeyUnavailable):
            if asked is None:
                raise
            raise ParameterInvalid(
                "The specified KMS key does not exist or is not allowed to be used with LogGroup"
                f" '{group_arn(scope, name)}'"
            ) from None

    @logs.operation(resource=group_resource)
    def delete_log_group(self, context: Context, *, log_group_name: str) -> None:
        """Delete a group with its streams and events."""
        self._groups.delete(scope_of(context), log_group_name)

    @logs.operation(resource=any_group)
    def describe_log_groups(
        self,
        context: Context,
        *,
        account_identifiers: Sequence[str] = (),  # noqa: ARG002 - counts for linked accounts alone
        log_group_name_prefix: str | None = None,
        log_group_name_pattern: str | None = None,
        next_token: str | None = None,
        limit: int = PAGE,
        include_linked_accounts: bool = False,  # noqa: ARG002 - there are none
        log_group_class: str | None = None,
        log_group_identifiers: Sequence[str] | None = None,
    ) -> Mapping[str, Any]:
        """The account's groups in the region, by name."""
        if log_group_name_prefix and log_group_name_pattern:
            raise ParameterInvalid(
                "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
            )
        prefix, part = log_group_name_prefix or "", log_group_name_pattern or ""
        names = None
        if log_group_identifiers is not None:
            names = [_own_name(context, each) for each in log_group_identifiers]
        listing = f"log groups {context.caller.arn} {[context.region, prefix, part, names]}"
        found = self._groups.page(
            scope_of(context),
            after=self._pages.open(listing, next_token, ""),
            limit=limit + 1,
            prefix=prefix,
            part=part,
            names=names,
            log_class=log_group_class,
        )
        answer: dict[str, Any] = {"logGroups": [_described(each) for each in found[:limit]]}
        if len(found) > limit:
            answer["nextToken"] = self._pages.seal(listing, found[limit - 1].name)
        return answer

    @logs.operation(resource=group_resource)
    def put_retention_policy(
        self, context: Context, *, log_group_name: str, retention_in_days: int
    ) -> None:
        """Keep events for so many days from now on, those that are there too."""
        self._groups.retain(scope_of(context), log_group_name, retention_in_days)

    @logs.operation(resource=group_resource)
    def delete_retention_policy(self, context: Context, *, log_group_name: str) -> None:
        """Keep events for ever."""
        self._groups.retain(scope_of(context), log_group_name, None)

    @logs.operation(resource=group_resource)
    def put_log_group_deletion_protection(
        self, context: Context, *, log_group_identifier: str, deletion_protection_enabled: bool
    ) -> None:
        """Whether the group may be deleted."""
        scope, name = named(context, None, log_group_identifier)
        self._groups.protect(scope, name, protected=deletion_protection_enabled)


def _own_name(context: Context, identifier: str) -> str:
    if not identifier.startswith("arn:"):
        return identifier
    scope, name = of_arn(context, identifier)
    if scope != scope_of(context):
        raise ParameterInvalid("A log group of another account or region cannot be listed.")
    return name


def _described(group: Group) -> dict[str, Any]:
    return {
        "logGroupName": group.name,
        "creationTime": group.created,
        "retentionInDays": group.retention_days,
        "metricFilterCount": 0,
        "arn": f"{group.arn}:*",
        "storedBytes": group.stored_bytes,
        "kmsKeyId": group.kms_key,
        "logGroupClass": group.log_class,
        "logGroupArn": group.arn,
        "deletionProtectionEnabled": group.protected,
    }
