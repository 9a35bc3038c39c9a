"""ECS's operations on the tags of its resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.ecs.control import tags as labels
from registry.ecs.service import ecs, request_tags, scope_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_ecs.type_defs import TagTypeDef

    from registry.aws.context import Context
    from registry.aws.service import Conditions
    from registry.ecs.control.tagging import Tagging


def given_arn(_context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """The ARN that the request names."""
    return (parameters["resource_arn"],)


def removed_tags(_context: Context, parameters: Mapping[str, Any]) -> Sequence[Conditions]:
    """`aws:TagKeys` of an operation that takes tags off."""
    return ({"aws:tagkeys": tuple(parameters["tag_keys"])},)


class TagOperations:
    """Tag, untag, list."""

    def __init__(self, tagging: Tagging) -> None:
        self._tagging = tagging

    @ecs.operation(resource=given_arn, conditions=request_tags)
    def tag_resource(
        self, context: Context, *, resource_arn: str, tags: Sequence[TagTypeDef]
    ) -> None:
        """Add tags, or change their values."""
        self._tagging.tag(scope_of(context), resource_arn, labels.checked(tags))

    @ecs.operation(resource=given_arn, conditions=removed_tags)
    def untag_resource(
        self, context: Context, *, resource_arn: str, tag_keys: Sequence[str]
    ) -> None:
        """Take tags off; those that are not there are no error."""
        self._tagging.untag(scope_of(context), resource_arn, tag_keys)

    @ecs.operation(resource=given_arn)
    def list_tags_for_resource(self, context: Context, *, resource_arn: str) -> Mapping[str, Any]:
        """The tags, in the order of their keys."""
        found = self._tagging.tags(scope_of(context), resource_arn)
        return {"tags": labels.listed(found)}
