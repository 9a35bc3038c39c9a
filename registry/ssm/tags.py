"""Parameter Store's operations on tags.

Source: Systems Manager API reference, AddTagsToResource, RemoveTagsFromResource,
ListTagsForResource.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.errors import ServiceError
from registry.domain.parameters.errors import InvalidResourceId, ParameterNotFound
from registry.domain.resource_labels import label_set
from registry.ssm.service import Operations, one_parameter, put_conditions, ssm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from registry.aws.context import Context

_PARAMETER = "Parameter"


class TagOperations(Operations):
    """Tag, untag, list."""

    @ssm.operation(resource=one_parameter, conditions=put_conditions)
    def add_tags_to_resource(
        self,
        context: Context,
        *,
        resource_type: str,
        resource_id: str,
        tags: Sequence[Mapping[str, str]],
    ) -> None:
        """Add or change tags."""
        labels = label_set([(tag["Key"], tag["Value"]) for tag in tags])
        self._tag(context, resource_type, resource_id, lambda stored: {**stored, **labels})

    @ssm.operation(resource=one_parameter, conditions=put_conditions)
    def remove_tags_from_resource(
        self, context: Context, *, resource_type: str, resource_id: str, tag_keys: Sequence[str]
    ) -> None:
        """Remove tags."""
        self._tag(
            context,
            resource_type,
            resource_id,
            lambda stored: {key: stored[key] for key in stored if key not in tag_keys},
        )

    @ssm.operation(resource=one_parameter)
    def list_tags_for_resource(
        self, context: Context, *, resource_type: str, resource_id: str
    ) -> Mapping[str, Any]:
        """All tags."""
        _check(resource_type)
        found = self._reference(context, resource_id)
        try:
            tags = self._parameters.tags(found.scope, found.key)
        except ParameterNotFound:
            raise InvalidResourceId from None
        return {"TagList": [{"Key": key, "Value": tags[key]} for key in sorted(tags)]}

    def _tag(
        self,
        context: Context,
        kind: str,
        resource: str,
        change: Callable[[dict[str, str]], Mapping[str, str]],
    ) -> None:
        _check(kind)
        found = self._reference(context, resource)
        try:
            self._parameters.tag(found.scope, found.key, change)
        except ParameterNotFound:
            raise InvalidResourceId from None


def _check(kind: str) -> None:
    if kind != _PARAMETER:
        message = f"This server has no resources of the type {kind}, but Parameter."
        raise ServiceError("InvalidResourceType", message)
