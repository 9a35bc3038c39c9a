"""ECS's operations on task definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.service import ANY
from registry.ecs import arns
from registry.ecs.control import tags as labels
from registry.ecs.control.definitions import ACTIVE
from registry.ecs.definitions.checking import checked
from registry.ecs.errors import invalid
from registry.ecs.paging import page_size
from registry.ecs.service import ecs, request_tags, scope_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_ecs.type_defs import (
        ContainerDefinitionTypeDef,
        EphemeralStorageTypeDef,
        InferenceAcceleratorTypeDef,
        ProxyConfigurationTypeDef,
        RuntimePlatformTypeDef,
        TagTypeDef,
        TaskDefinitionPlacementConstraintTypeDef,
        VolumeTypeDef,
    )

    from registry.aws.context import Context
    from registry.aws.pages import Pages
    from registry.ecs.control.definitions import Definitions

_DELETED_MAX = 10
_FIRST = (-1, "")


def every_revision(context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """ARN of all revisions of `family`."""
    return (arns.task_definition_arn(scope_of(context), parameters["family"], "*"),)


def named_definitions(context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """ARNs of the revisions that `taskDefinitions` names."""
    scope = scope_of(context)
    return tuple(
        each if each.startswith("arn:") else arns.task_definition_arn(scope, *_parts(each))
        for each in parameters["task_definitions"]
    )


def given_roles(_context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """The roles that a task definition hands to ECS."""
    given = (parameters.get("task_role_arn"), parameters.get("execution_role_arn"))
    return tuple(dict.fromkeys(role for role in given if role))


class TaskDefinitionOperations:
    """Register, describe, list, deregister, delete."""

    def __init__(self, definitions: Definitions, pages: Pages) -> None:
        self._definitions = definitions
        self._pages = pages

    @ecs.operation(
        resource=every_revision,
        conditions=request_tags,
        passes=given_roles,
        passed_to="ecs-tasks.amazonaws.com",
    )
    def register_task_definition(
        self,
        context: Context,
        *,
        family: str,
        container_definitions: Sequence[ContainerDefinitionTypeDef],
        task_role_arn: str | None = None,
        execution_role_arn: str | None = None,
        network_mode: str | None = None,
        volumes: Sequence[VolumeTypeDef] | None = None,
        placement_constraints: Sequence[TaskDefinitionPlacementConstraintTypeDef] | None = None,
        requires_compatibilities: Sequence[str] | None = None,
        cpu: str | None = None,
        memory: str | None = None,
        tags: Sequence[TagTypeDef] = (),
        pid_mode: str | None = None,
        ipc_mode: str | None = None,
        proxy_configuration: ProxyConfigurationTypeDef | None = None,
        inference_accelerators: Sequence[InferenceAcceleratorTypeDef] | None = None,
        ephemeral_storage: EphemeralStorageTypeDef | None = None,
        runtime_platform: RuntimePlatformTypeDef | None = None,
        enable_fault_injection: bool | None = None,
        trusted_execution_configuration: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Any]:
        """The family's next revision."""
        given = {
            "family": family,
            "containerDefinitions": container_definitions,
            "taskRoleArn": task_role_arn,
            "executionRoleArn": execution_role_arn,
            "networkMode": network_mode,
            "volumes": volumes,
            "placementConstraints": placement_constraints,
            "requiresCompatibilities": requires_compatibilities,
            "cpu": cpu,
            "memory": memory,
            "pidMode": pid_mode,
            "ipcMode": ipc_mode,
            "proxyConfiguration": proxy_configuration,
            "inferenceAccelerators": inference_accelerators,
            "ephemeralStorage": ephemeral_storage,
            "runtimePlatform": runtime_platform,
            "enableFaultInjection": enable_fault_injection,
            "trustedExecutionConfiguration": trusted_execution_configuration,
        }
        document = checked({name: value for name, value in given.items() if value is not None})
        marked = labels.checked(tags)
        made = self._definitions.register(scope_of(context), document, context.caller.arn, marked)
        return {"taskDefinition": made.described(), "tags": labels.listed(marked)}

    @ecs.operation(resource=ANY)
    def describe_task_definition(
        self, context: Context, *, task_definition: str, include: Sequence[str] = ()
    ) -> Mapping[str, Any]:
        """A revision; the family's newest ACTIVE one where none is named."""
        found, marked = self._definitions.describe(scope_of(context), task_definition)
        shown = {"tags": labels.listed(marked)} if "TAGS" in include else {}
        return {"taskDefinition": found.described(), **shown}

    @ecs.operation(resource=ANY)
    def list_task_definition_families(
        self,
        context: Context,
        *,
        family_prefix: str = "",
        status: str = "ALL",
        next_token: str | None = None,
        max_results: int | None = None,
    ) -> Mapping[str, Any]:
        """Names of families, in order."""
        scope, limit = scope_of(context), page_size(max_results)
        listing = f"families {context.caller.arn} {scope} {family_prefix} {status}"
        after = self._pages.open(listing, next_token, "")
        names = self._definitions.families(scope, family_prefix, status, after, limit + 1)
        found: dict[str, Any] = {"families": names[:limit]}
        if len(names) > limit:
            found["nextToken"] = self._pages.seal(listing, names[limit - 1])
        return found

    @ecs.operation(resource=ANY)
    def list_task_definitions(
        self,
        context: Context,
        *,
        family_prefix: str | None = None,
        status: str = ACTIVE,
        sort: str = "ASC",
        next_token: str | None = None,
        max_results: int | None = None,
    ) -> Mapping[str, Any]:
        """ARNs of revisions; `familyPrefix` is a family's whole name, whatever it is called."""
        scope, limit = scope_of(context), page_size(max_results)
        listing = f"definitions {context.caller.arn} {scope} {family_prefix} {status} {sort}"
        after = self._pages.open(listing, next_token, _FIRST)
        listed = self._definitions.revisions(
            scope, family_prefix, status, after, limit + 1, descending=sort == "DESC"
        )
        shown = [arns.task_definition_arn(scope, family, number) for number, family in listed]
        found: dict[str, Any] = {"taskDefinitionArns": shown[:limit]}
        if len(listed) > limit:
            found["nextToken"] = self._pages.seal(listing, listed[limit - 1])
        return found

    @ecs.operation(resource=ANY)
    def deregister_task_definition(
        self, context: Context, *, task_definition: str
    ) -> Mapping[str, Any]:
        """Make a revision INACTIVE."""
        found = self._definitions.deregister(scope_of(context), task_definition)
        return {"taskDefinition": found.described()}

    @ecs.operation(resource=named_definitions)
    def delete_task_definitions(
        self, context: Context, *, task_definitions: Sequence[str]
    ) -> Mapping[str, Any]:
        """Have INACTIVE revisions deleted."""
        if not 0 < len(task_definitions) <= _DELETED_MAX:
            raise invalid(f"Specify from 1 to {_DELETED_MAX} task definitions.")
        found, failures = self._definitions.delete(scope_of(context), task_definitions)
        return {"taskDefinitions": [each.described() for each in found], "failures": failures}


def _parts(given: str) -> tuple[str, str]:
    family, _, revision = given.partition(":")
    return family, revision or "*"
