"""What all operations of ECS share: the declarations, and what a request is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.service import Declarations
from registry.ecs import arns
from registry.values.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.aws.service import Conditions

ecs = Declarations("ecs")


def scope_of(context: Context) -> Scope:
    """The account and region that an operation is about: the caller's own."""
    return Scope(context.account, context.region)


def named_cluster(context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """ARN of the cluster that `cluster` or `clusterName` names, `default` without."""
    scope = scope_of(context)
    given = parameters.get("cluster") or parameters.get("cluster_name")
    return (arns.cluster_arn(scope, arns.cluster_name(scope, given)),)


def request_tags(_context: Context, parameters: Mapping[str, Any]) -> Sequence[Conditions]:
    """`aws:RequestTag/*` and `aws:TagKeys` of an operation that sets resource tags."""
    return (tag_conditions(parameters),)


def tag_conditions(parameters: Mapping[str, Any]) -> dict[str, str | tuple[str, ...]]:
    """The same, to be put together with other keys."""
    tags = {tag.get("key", ""): tag.get("value", "") for tag in parameters.get("tags") or ()}
    found: dict[str, str | tuple[str, ...]] = {
        f"aws:requesttag/{key.lower()}": value for key, value in tags.items()
    }
    return {**found, "aws:tagkeys": tuple(tags)} if tags else {}


def in_cluster(context: Context, parameters: Mapping[str, Any]) -> Sequence[Conditions]:
    """`ecs:cluster`, with the tags that the request sets (Service Authorization Reference)."""
    return ({**tag_conditions(parameters), "ecs:cluster": named_cluster(context, parameters)[0]},)
