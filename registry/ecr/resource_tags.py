"""ECR's operations on the tags of repositories as resources.

Source: ECR API reference, TagResource, UntagResource, ListTagsForResource.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.domain.repositories import scope_and_name
from registry.domain.resource_labels import label_set
from registry.ecr.service import ecr, request_tags
from registry.values.digest import shown
from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_ecr.type_defs import TagTypeDef

    from registry.aws.context import Context
    from registry.aws.service import Conditions
    from registry.domain.repositories import Repositories, Repository
    from registry.domain.repository_settings import RepositorySettings


def resource_arn(_context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """The ARN that `resourceArn` is, if it is a repository's."""
    arn: str = parameters["resource_arn"]
    named = scope_and_name(arn)
    if named is None or named[0].is_public:
        raise ParameterInvalid(
            "Invalid parameter at 'resourceArn' failed to satisfy constraint:"
            f" 'must be the ARN of a repository': {shown(arn)}"
        )
    return (arn,)


def removed_tags(_context: Context, parameters: Mapping[str, Any]) -> Sequence[Conditions]:
    """`aws:TagKeys` of an operation that removes tags."""
    return ({"aws:tagkeys": tuple(parameters["tag_keys"])},)


class ResourceTagOperations:
    """Tag, untag, list."""

    def __init__(self, repositories: Repositories, settings: RepositorySettings) -> None:
        self._repositories = repositories
        self._settings = settings

    @ecr.operation(resource=resource_arn, conditions=request_tags)
    def tag_resource(
        self,
        context: Context,  # noqa: ARG002 - the ARN says it all
        *,
        resource_arn: str,
        tags: Sequence[TagTypeDef],
    ) -> None:
        """Add or change tags."""
        labels = label_set([(tag["Key"], tag["Value"]) for tag in tags])
        self._settings.tag(self._repository(resource_arn), labels)

    @ecr.operation(resource=resource_arn, conditions=removed_tags)
    def untag_resource(
        self,
        context: Context,  # noqa: ARG002 - as above
        *,
        resource_arn: str,
        tag_keys: Sequence[str],
    ) -> None:
        """Remove tags."""
        self._settings.untag(self._repository(resource_arn), tag_keys)

    @ecr.operation(resource=resource_arn)
    def list_tags_for_resource(
        self,
        context: Context,  # noqa: ARG002 - as above
        *,
        resource_arn: str,
    ) -> Mapping[str, Any]:
        """All tags, by key."""
        labels = self._repository(resource_arn).resource_tags
        return {"tags": [{"Key": key, "Value": value} for key, value in labels]}

    def _repository(self, arn: str) -> Repository:
        found = scope_and_name(arn)
        assert found is not None  # noqa: S101 - `resource_arn` refuses anything else
        return self._repositories.get(*found)
