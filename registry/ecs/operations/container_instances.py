"""ECS's operations on container instances and their attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.service import ANY
from registry.ecs import arns
from registry.ecs.control import tags as labels
from registry.ecs.errors import invalid
from registry.ecs.paging import page_size
from registry.ecs.service import ecs, in_cluster, named_cluster, scope_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_ecs.type_defs import (
        AttributeTypeDef,
        PlatformDeviceTypeDef,
        ResourceTypeDef,
        TagTypeDef,
        VersionInfoTypeDef,
    )

    from registry.aws.context import Context
    from registry.aws.pages import Pages
    from registry.ecs.control.attributes import Attributes
    from registry.ecs.control.fleet import Fleet

_DESCRIBED_MAX = 100
_CHANGED_MAX = 10


def named_instances(context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """ARNs of the instances that `containerInstances` or `containerInstance` names."""
    scope = scope_of(context)
    cluster = arns.cluster_name(scope, parameters.get("cluster"))
    given = parameters.get("container_instances") or [parameters.get("container_instance", "*")]
    return tuple(
        arns.instance_arn(scope, cluster, arns.short_id(scope, each, "container-instance"))
        for each in given
    )


def target_instances(context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """ARNs of the instances whose attributes are meant."""
    given = [each.get("targetId", "*") for each in parameters["attributes"]] or ["*"]
    return named_instances(context, {**parameters, "container_instances": given})


class ContainerInstanceOperations:
    """Describe, list, drain, register, deregister; and what they are said to be."""

    def __init__(self, fleet: Fleet, attributes: Attributes, pages: Pages) -> None:
        self._fleet = fleet
        self._attributes = attributes
        self._pages = pages

    @ecs.operation(resource=named_instances, conditions=in_cluster)
    def describe_container_instances(
        self,
        context: Context,
        *,
        container_instances: Sequence[str],
        cluster: str | None = None,
        include: Sequence[str] = (),
    ) -> Mapping[str, Any]:
        """The instances, with a failure for each that is missing."""
        if not 0 < len(container_instances) <= _DESCRIBED_MAX:
            raise invalid(f"Specify from 1 to {_DESCRIBED_MAX} container instances.")
        scope = scope_of(context)
        found, failures = self._fleet.describe(scope, cluster, container_instances, include)
        return {"containerInstances": found, "failures": failures}

    @ecs.operation(resource=named_cluster)
    def list_container_instances(
        self,
        context: Context,
        *,
        cluster: str | None = None,
        filter: str | None = None,  # noqa: A002 - the model's name
        next_token: str | None = None,
        max_results: int | None = None,
        status: str | None = None,
    ) -> Mapping[str, Any]:
        """ARNs of a cluster's instances."""
        if filter:
            raise invalid("This server does not read the cluster query language yet.")
        scope, limit = scope_of(context), page_size(max_results)
        listing = f"instances {context.caller.arn} {scope} {cluster} {status}"
        after = self._pages.open(listing, next_token, "")
        home, ids = self._fleet.ids(scope, cluster, status)
        rest = [each for each in ids if each > after]
        shown = [arns.instance_arn(scope, home.name, each) for each in rest[:limit]]
        found: dict[str, Any] = {"containerInstanceArns": shown}
        if len(rest) > limit:
            found["nextToken"] = self._pages.seal(listing, rest[limit - 1])
        return found

    @ecs.operation(resource=named_instances, conditions=in_cluster)
    def update_container_instances_state(
        self,
        context: Context,
        *,
        container_instances: Sequence[str],
        status: str,
        cluster: str | None = None,
    ) -> Mapping[str, Any]:
        """Let tasks be placed on them, or no more."""
        if not 0 < len(container_instances) <= _CHANGED_MAX:
            raise invalid(f"Specify from 1 to {_CHANGED_MAX} container instances.")
        scope = scope_of(context)
        found, failures = self._fleet.set_status(scope, cluster, container_instances, status)
        return {"containerInstances": found, "failures": failures}

    @ecs.operation(resource=named_cluster)
    def deregister_container_instance(
        self,
        context: Context,
        *,
        container_instance: str,
        cluster: str | None = None,
        force: bool = False,
    ) -> Mapping[str, Any]:
        """Take one out of its cluster."""
        scope = scope_of(context)
        found = self._fleet.deregister(scope, cluster, container_instance, force=force)
        return {"containerInstance": found}

    @ecs.operation(resource=named_cluster)
    def register_container_instance(
        self,
        context: Context,
        *,
        cluster: str | None = None,
        instance_identity_document: str | None = None,  # noqa: ARG002 - of EC2; no proof here
        instance_identity_document_signature: str | None = None,  # noqa: ARG002 - as above
        total_resources: Sequence[ResourceTypeDef] = (),
        version_info: VersionInfoTypeDef | None = None,
        container_instance_arn: str | None = None,
        attributes: Sequence[AttributeTypeDef] = (),
        platform_devices: Sequence[PlatformDeviceTypeDef] = (),  # noqa: ARG002 - GPUs, not kept
        tags: Sequence[TagTypeDef] = (),
    ) -> Mapping[str, Any]:
        """An agent says that it is there."""
        document = {
            "registeredResources": list(total_resources),
            "versionInfo": dict(version_info or {}),
        }
        found = self._fleet.register(
            scope_of(context),
            cluster,
            container_instance_arn,
            document,
            listed=attributes,
            labels=labels.checked(tags),
        )
        return {"containerInstance": found}

    @ecs.operation(resource=target_instances, conditions=in_cluster)
    def put_attributes(
        self,
        context: Context,
        *,
        attributes: Sequence[AttributeTypeDef],
        cluster: str | None = None,
    ) -> Mapping[str, Any]:
        """Add attributes, or change their values."""
        return {"attributes": self._attributes.put(scope_of(context), cluster, attributes)}

    @ecs.operation(resource=target_instances, conditions=in_cluster)
    def delete_attributes(
        self,
        context: Context,
        *,
        attributes: Sequence[AttributeTypeDef],
        cluster: str | None = None,
    ) -> Mapping[str, Any]:
        """Take attributes away."""
        return {"attributes": self._attributes.delete(scope_of(context), cluster, attributes)}

    @ecs.operation(resource=ANY, conditions=in_cluster)
    def list_attributes(
        self,
        context: Context,
        *,
        target_type: str,  # noqa: ARG002 - there is only container-instance
        cluster: str | None = None,
        attribute_name: str | None = None,
        attribute_value: str | None = None,
        next_token: str | None = None,
        max_results: int | None = None,
    ) -> Mapping[str, Any]:
        """By name, then by instance."""
        scope, limit = scope_of(context), page_size(max_results)
        chosen = f"{cluster} {attribute_name} {attribute_value}"
        listing = f"attributes {context.caller.arn} {scope} {chosen}"
        after = self._pages.open(listing, next_token, "")
        _, every = self._attributes.list(scope, cluster, attribute_name, attribute_value)
        rest = [each for each in every if _place(each) > after]
        found: dict[str, Any] = {"attributes": rest[:limit]}
        if len(rest) > limit:
            found["nextToken"] = self._pages.seal(listing, _place(rest[limit - 1]))
        return found


def _place(attribute: Mapping[str, str]) -> str:
    """Where an attribute stands in the list; a blank comes before whatever a name can have."""
    return f"{attribute['name']} {attribute['targetId']}"
