"""ECS's operations on tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.service import ANY
from registry.ecs import arns
from registry.ecs.control import tags as labels
from registry.ecs.control.tasks import Asked
from registry.ecs.errors import invalid
from registry.ecs.paging import page_size
from registry.ecs.service import ecs, in_cluster, scope_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_ecs.type_defs import (
        CapacityProviderStrategyItemTypeDef,
        NetworkConfigurationTypeDef,
        PlacementConstraintTypeDef,
        PlacementStrategyTypeDef,
        TagTypeDef,
        TaskOverrideTypeDef,
        TaskVolumeConfigurationTypeDef,
    )

    from registry.aws.context import Context
    from registry.aws.pages import Pages
    from registry.ecs.control.tasks import Tasks

_DESCRIBED_MAX = 100
_STARTED_MAX = 10


def definition_arn(context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """ARN of the task definition that is to be run, with `*` for a revision not named."""
    scope, given = scope_of(context), parameters["task_definition"]
    if given.startswith("arn:"):
        return (given,)
    family, _, revision = given.partition(":")
    return (arns.task_definition_arn(scope, family, revision or "*"),)


def named_tasks(context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """ARNs of the tasks that `tasks` or `task` names."""
    scope = scope_of(context)
    cluster = arns.cluster_name(scope, parameters.get("cluster"))
    given = parameters.get("tasks") or [parameters.get("task", "*")]
    return tuple(
        arns.task_arn(scope, cluster, arns.short_id(scope, each, "task")) for each in given
    )


def overriding_roles(_context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """The roles that a request's overrides hand to ECS."""
    overrides = parameters.get("overrides") or {}
    given = (overrides.get("taskRoleArn"), overrides.get("executionRoleArn"))
    return tuple(dict.fromkeys(role for role in given if role))


class TaskOperations:
    """Run, start, stop, describe, list."""

    def __init__(self, tasks: Tasks, pages: Pages) -> None:
        self._tasks = tasks
        self._pages = pages

    @ecs.operation(
        resource=definition_arn,
        conditions=in_cluster,
        passes=overriding_roles,
        passed_to="ecs-tasks.amazonaws.com",
    )
    def run_task(
        self,
        context: Context,
        *,
        task_definition: str,
        capacity_provider_strategy: Sequence[CapacityProviderStrategyItemTypeDef] = (),
        cluster: str | None = None,
        count: int = 1,
        enable_ecs_managed_tags: bool = False,
        enable_execute_command: bool = False,
        group: str | None = None,
        launch_type: str | None = None,
        network_configuration: NetworkConfigurationTypeDef | None = None,
        overrides: TaskOverrideTypeDef | None = None,
        placement_constraints: Sequence[PlacementConstraintTypeDef] = (),
        placement_strategy: Sequence[PlacementStrategyTypeDef] = (),
        platform_version: str | None = None,
        propagate_tags: str | None = None,
        reference_id: str | None = None,  # noqa: ARG002 - the caller's own, AWS keeps it nowhere
        started_by: str | None = None,
        tags: Sequence[TagTypeDef] = (),
        client_token: str | None = None,
        volume_configurations: Sequence[TaskVolumeConfigurationTypeDef] = (),
    ) -> Mapping[str, Any]:
        """Begin tasks."""
        _refuse_volumes(volume_configurations)
        asked = Asked(
            cluster=cluster,
            definition=task_definition,
            overrides=overrides or {},
            network=network_configuration,
            group=group,
            started_by=started_by,
            execute_command=enable_execute_command,
            labels=labels.checked(tags),
            propagate=propagate_tags,
            managed_tags=enable_ecs_managed_tags,
            launch_type=launch_type,
            strategy=capacity_provider_strategy,
            constraints=placement_constraints,
            placing=placement_strategy,
            platform_version=platform_version,
            count=count,
        )
        found, failures = self._tasks.run(scope_of(context), asked, client_token)
        return {"tasks": found, "failures": failures}

    @ecs.operation(
        resource=definition_arn,
        conditions=in_cluster,
        passes=overriding_roles,
        passed_to="ecs-tasks.amazonaws.com",
    )
    def start_task(
        self,
        context: Context,
        *,
        container_instances: Sequence[str],
        task_definition: str,
        cluster: str | None = None,
        enable_ecs_managed_tags: bool = False,
        enable_execute_command: bool = False,
        group: str | None = None,
        network_configuration: NetworkConfigurationTypeDef | None = None,
        overrides: TaskOverrideTypeDef | None = None,
        propagate_tags: str | None = None,
        reference_id: str | None = None,  # noqa: ARG002 - the caller's own, AWS keeps it nowhere
        started_by: str | None = None,
        tags: Sequence[TagTypeDef] = (),
        volume_configurations: Sequence[TaskVolumeConfigurationTypeDef] = (),
    ) -> Mapping[str, Any]:
        """Begin a task on each of these container instances."""
        _refuse_volumes(volume_configurations)
        if not 0 < len(container_instances) <= _STARTED_MAX:
            raise invalid(f"Specify from 1 to {_STARTED_MAX} container instances.")
        asked = Asked(
            cluster=cluster,
            definition=task_definition,
            overrides=overrides or {},
            network=network_configuration,
            group=group,
            started_by=started_by,
            execute_command=enable_execute_command,
            labels=labels.checked(tags),
            propagate=propagate_tags,
            managed_tags=enable_ecs_managed_tags,
        )
        found, failures = self._tasks.start(scope_of(context), asked, container_instances)
        return {"tasks": found, "failures": failures}

    @ecs.operation(resource=named_tasks, conditions=in_cluster)
    def stop_task(
        self, context: Context, *, task: str, cluster: str | None = None, reason: str | None = None
    ) -> Mapping[str, Any]:
        """Have a task stop."""
        return {"task": self._tasks.stop(scope_of(context), cluster, task, reason)}

    @ecs.operation(resource=named_tasks, conditions=in_cluster)
    def describe_tasks(
        self,
        context: Context,
        *,
        tasks: Sequence[str],
        cluster: str | None = None,
        include: Sequence[str] = (),
    ) -> Mapping[str, Any]:
        """The tasks, with a failure for each that is missing."""
        if not 0 < len(tasks) <= _DESCRIBED_MAX:
            raise invalid(f"Specify from 1 to {_DESCRIBED_MAX} tasks.")
        found, failures = self._tasks.describe(scope_of(context), cluster, tasks, include)
        return {"tasks": found, "failures": failures}

    @ecs.operation(resource=ANY, conditions=in_cluster)
    def list_tasks(
        self,
        context: Context,
        *,
        cluster: str | None = None,
        container_instance: str | None = None,
        family: str | None = None,
        next_token: str | None = None,
        max_results: int | None = None,
        started_by: str | None = None,
        service_name: str | None = None,
        desired_status: str = "RUNNING",
        launch_type: str | None = None,
        daemon_name: str | None = None,
    ) -> Mapping[str, Any]:
        """ARNs of tasks, in no order that means anything."""
        scope, limit = scope_of(context), page_size(max_results)
        if daemon_name is not None:
            raise invalid("This server has no daemons.")
        chosen = {
            "family": family,
            "started_by": started_by,
            "launch_type": launch_type,
            "desired_status": desired_status,
            "instance_id": container_instance
            and arns.short_id(scope, container_instance, "container-instance"),
            "group": service_name and f"service:{arns.short_id(scope, service_name, 'service')}",
        }
        chosen = {name: value for name, value in chosen.items() if value is not None}
        listing = f"tasks {context.caller.arn} {scope} {cluster} {sorted(chosen.items())}"
        after = self._pages.open(listing, next_token, "")
        home, ids = self._tasks.ids(scope, cluster, chosen, after, limit + 1)
        found: dict[str, Any] = {
            "taskArns": [arns.task_arn(scope, home.name, each) for each in ids[:limit]]
        }
        if len(ids) > limit:
            found["nextToken"] = self._pages.seal(listing, ids[limit - 1])
        return found


def _refuse_volumes(given: Sequence[TaskVolumeConfigurationTypeDef]) -> None:
    if given:
        raise invalid("This server has no Amazon EBS volumes: volumeConfigurations can't be used.")
