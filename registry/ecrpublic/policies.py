"""ECR Public's operations on the policies and the tags of repositories.

Source: ECR Public API reference, SetRepositoryPolicy, TagResource and their like. A policy
decides who may push; a pull is everybody's, unless the policy denies it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.domain.repositories import scope_and_name
from registry.domain.resource_labels import label_set
from registry.ecrpublic.service import Public, ecr_public, request_tags
from registry.values.digest import shown
from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.aws.service import Conditions
    from registry.domain.api.policies import RepositoryPolicies
    from registry.domain.public.registries import PublicRegistries
    from registry.domain.repositories import Repositories, Repository
    from registry.domain.repository_settings import RepositorySettings


class PolicyOperations(Public):
    """Set, get, delete."""

    def __init__(
        self,
        registries: PublicRegistries,
        repositories: Repositories,
        policies: RepositoryPolicies,
    ) -> None:
        super().__init__(registries, repositories)
        self._policies = policies

    @ecr_public.operation(resource=Public.repository_arn)
    def set_repository_policy(
        self,
        context: Context,
        *,
        repository_name: str,
        policy_text: str,
        registry_id: str | None = None,
        force: bool = False,
    ) -> Mapping[str, Any]:
        """Set the policy; one that locks the caller out of setting another only with `force`."""
        repository = self.repository(context, registry_id, repository_name)
        return self._policies.set(context, repository, policy_text, force=force)

    @ecr_public.operation(resource=Public.repository_arn)
    def get_repository_policy(
        self, context: Context, *, repository_name: str, registry_id: str | None = None
    ) -> Mapping[str, Any]:
        """The policy, exactly as it was set."""
        return self._policies.get(self.repository(context, registry_id, repository_name))

    @ecr_public.operation(resource=Public.repository_arn)
    def delete_repository_policy(
        self, context: Context, *, repository_name: str, registry_id: str | None = None
    ) -> Mapping[str, Any]:
        """Remove the policy."""
        return self._policies.delete(self.repository(context, registry_id, repository_name))


def resource_arn(_context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """The ARN that `resourceArn` is, if it is a public repository's."""
    arn: str = parameters["resource_arn"]
    named = scope_and_name(arn)
    if named is None or not named[0].is_public:
        raise ParameterInvalid(
            "Invalid parameter at 'resourceArn' failed to satisfy constraint:"
            f" 'must be the ARN of a public repository': {shown(arn)}"
        )
    return (arn,)


def removed_tags(_context: Context, parameters: Mapping[str, Any]) -> Sequence[Conditions]:
    """`aws:TagKeys` of an operation that removes tags."""
    return ({"aws:tagkeys": tuple(parameters["tag_keys"])},)


class ResourceTagOperations(Public):
    """Tag, untag, list."""

    def __init__(
        self,
        registries: PublicRegistries,
        repositories: Repositories,
        settings: RepositorySettings,
    ) -> None:
        super().__init__(registries, repositories)
        self._settings = settings

    @ecr_public.operation(resource=resource_arn, conditions=request_tags)
    def tag_resource(
        self,
        context: Context,  # noqa: ARG002 - the ARN says it all
        *,
        resource_arn: str,
        tags: Sequence[Mapping[str, str]],
    ) -> None:
        """Add or change tags."""
        labels = label_set([(tag.get("Key", ""), tag.get("Value", "")) for tag in tags])
        self._settings.tag(self._tagged(resource_arn), labels)

    @ecr_public.operation(resource=resource_arn, conditions=removed_tags)
    def untag_resource(
        self,
        context: Context,  # noqa: ARG002 - as above
        *,
        resource_arn: str,
        tag_keys: Sequence[str],
    ) -> None:
        """Remove tags."""
        self._settings.untag(self._tagged(resource_arn), tag_keys)

    @ecr_public.operation(resource=resource_arn)
    def list_tags_for_resource(
        self,
        context: Context,  # noqa: ARG002 - as above
        *,
        resource_arn: str,
    ) -> Mapping[str, Any]:
        """All tags, by key."""
        labels = self._tagged(resource_arn).resource_tags
        return {"tags": [{"Key": key, "Value": value} for key, value in labels]}

    def _tagged(self, arn: str) -> Repository:
        found = scope_and_name(arn)
        assert found is not None  # noqa: S101 - `resource_arn` refuses anything else
        return self._repositories.get(*found)
