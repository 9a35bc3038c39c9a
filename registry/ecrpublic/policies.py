"""ECR Public's operations on the policies of repositories.

Source: ECR Public API reference, SetRepositoryPolicy and its like. A policy
decides who may push; a pull is everybody's, unless the policy denies it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.ecrpublic.service import Public, ecr_public

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.aws.context import Context
    from registry.domain.api.policies import RepositoryPolicies
    from registry.domain.public.registries import PublicRegistries
    from registry.domain.repositories import Repositories


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
