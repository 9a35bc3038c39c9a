"""CloudWatch Logs' operations on tags, and their older forms.

Source: CloudWatch Logs API reference, TagResource, UntagResource, ListTagsForResource,
TagLogGroup, UntagLogGroup, ListTagsLogGroup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.domain.resource_labels import label_set
from registry.logs.service import (
    Operations,
    logs,
    of_arn,
    scope_of,
    tag_conditions,
    tagged_resource,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.values.scope import Scope


class TagOperations(Operations):
    """Tag, untag, list."""

    @logs.operation(resource=tagged_resource, conditions=tag_conditions)
    def tag_resource(self, context: Context, *, resource_arn: str, tags: Mapping[str, str]) -> None:
        """Add or change tags."""
        self._tag(*of_arn(context, resource_arn), tags)

    @logs.operation(resource=tagged_resource, conditions=tag_conditions)
    def untag_resource(
        self, context: Context, *, resource_arn: str, tag_keys: Sequence[str]
    ) -> None:
        """Remove tags."""
        self._untag(*of_arn(context, resource_arn), tag_keys)

    @logs.operation(resource=tagged_resource)
    def list_tags_for_resource(self, context: Context, *, resource_arn: str) -> Mapping[str, Any]:
        """All tags."""
        return {"tags": self._groups.get(*of_arn(context, resource_arn)).tags}

    @logs.operation(resource=tagged_resource, conditions=tag_conditions)
    def tag_log_group(
        self, context: Context, *, log_group_name: str, tags: Mapping[str, str]
    ) -> None:
        """Add or change tags."""
        self._tag(scope_of(context), log_group_name, tags)

    @logs.operation(resource=tagged_resource, conditions=tag_conditions)
    def untag_log_group(
        self, context: Context, *, log_group_name: str, tags: Sequence[str]
    ) -> None:
        """Remove tags."""
        self._untag(scope_of(context), log_group_name, tags)

    @logs.operation(resource=tagged_resource)
    def list_tags_log_group(self, context: Context, *, log_group_name: str) -> Mapping[str, Any]:
        """All tags."""
        return {"tags": self._groups.get(scope_of(context), log_group_name).tags}

    def _tag(self, scope: Scope, name: str, tags: Mapping[str, str]) -> None:
        labels = label_set(list(tags.items()))
        self._groups.tag(scope, name, lambda stored: {**stored, **labels})

    def _untag(self, scope: Scope, name: str, keys: Sequence[str]) -> None:
        self._groups.tag(
            scope, name, lambda stored: {key: stored[key] for key in stored if key not in keys}
        )
