"""Tags of repositories as resources, as ECR and ECR Public take them.

Source: ECR and ECR Public API references, TagResource, UntagResource, ListTagsForResource.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.domain.repositories import scope_and_name
from registry.domain.resource_labels import label_set
from registry.values.digest import shown
from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.aws.service import Conditions
    from registry.domain.repositories import Repositories, Repository
    from registry.domain.repository_settings import RepositorySettings


class RepositoryTags:
    """Add, remove, list, by the ARN of a repository."""

    def __init__(self, repositories: Repositories, settings: RepositorySettings) -> None:
        self._repositories = repositories
        self._settings = settings

    def add(self, arn: str, tags: Sequence[Mapping[str, str]]) -> None:
        """Add or change tags. Raises RepositoryNotFound, ResourceTagInvalid, TooManyTags."""
        labels = label_set([(tag.get("Key", ""), tag.get("Value", "")) for tag in tags])
        self._settings.tag(self._repository(arn), labels)

    def remove(self, arn: str, keys: Sequence[str]) -> None:
        """Remove tags. Raises RepositoryNotFound, ResourceTagInvalid."""
        self._settings.untag(self._repository(arn), keys)

    def listed(self, arn: str) -> dict[str, Any]:
        """All tags, by key. Raises RepositoryNotFound."""
        labels = self._repository(arn).resource_tags
        return {"tags": [{"Key": key, "Value": value} for key, value in labels]}

    def _repository(self, arn: str) -> Repository:
        found = scope_and_name(arn)
        assert found is not None  # noqa: S101 - `checked_arn` refuses anything else
        return self._repositories.get(*found)


def checked_arn(parameters: Mapping[str, Any], *, public: bool) -> str:
    """The ARN that `resourceArn` is, if it is that of such a repository.

    Raises ParameterInvalid.
    """
    arn: str = parameters["resource_arn"]
    named = scope_and_name(arn)
    if named is None or named[0].is_public is not public:
        kind = "a public repository" if public else "a repository"
        raise ParameterInvalid(
            "Invalid parameter at 'resourceArn' failed to satisfy constraint:"
            f" 'must be the ARN of {kind}': {shown(arn)}"
        )
    return arn


def request_tags(_context: Context, parameters: Mapping[str, Any]) -> Sequence[Conditions]:
    """`aws:RequestTag/*` and `aws:TagKeys` of an operation that sets resource tags."""
    tags = {tag.get("Key", ""): tag.get("Value", "") for tag in parameters.get("tags") or ()}
    found: dict[str, str | tuple[str, ...]] = {
        f"aws:requesttag/{key.lower()}": value for key, value in tags.items()
    }
    return ({**found, "aws:tagkeys": tuple(tags)} if tags else {},)


def removed_tags(_context: Context, parameters: Mapping[str, Any]) -> Sequence[Conditions]:
    """`aws:TagKeys` of an operation that removes tags."""
    return ({"aws:tagkeys": tuple(parameters["tag_keys"])},)
