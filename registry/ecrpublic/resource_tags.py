"""ECR Public's operations on the tags of repositories as resources.

Source: ECR Public API reference, TagResource, UntagResource, ListTagsForResource.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.domain.api.resource_tags import (
    RepositoryTags,
    checked_arn,
    removed_tags,
    request_tags,
)
from registry.ecrpublic.service import ecr_public

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context


def resource_arn(_context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """The ARN that `resourceArn` is, if it is a public repository's."""
    return (checked_arn(parameters, public=True),)


class ResourceTagOperations:
    """Tag, untag, list."""

    def __init__(self, tags: RepositoryTags) -> None:
        self._tags = tags

    @ecr_public.operation(resource=resource_arn, conditions=request_tags)
    def tag_resource(
        self,
        context: Context,  # noqa: ARG002 - the ARN says it all
        *,
        resource_arn: str,
        tags: Sequence[Mapping[str, str]],
    ) -> None:
        """Add or change tags."""
        self._tags.add(resource_arn, tags)

    @ecr_public.operation(resource=resource_arn, conditions=removed_tags)
    def untag_resource(
        self,
        context: Context,  # noqa: ARG002 - as above
        *,
        resource_arn: str,
        tag_keys: Sequence[str],
    ) -> None:
        """Remove tags."""
        self._tags.remove(resource_arn, tag_keys)

    @ecr_public.operation(resource=resource_arn)
    def list_tags_for_resource(
        self,
        context: Context,  # noqa: ARG002 - as above
        *,
        resource_arn: str,
    ) -> Mapping[str, Any]:
        """All tags, by key."""
        return self._tags.listed(resource_arn)
