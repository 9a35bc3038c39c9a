"""ECR's operations on the policies of repositories.

Source: ECR API reference, SetRepositoryPolicy, GetRepositoryPolicy, DeleteRepositoryPolicy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.ecr.service import ecr, repository_arn, scope_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.aws.context import Context
    from registry.domain.api.policies import RepositoryPolicies
    from registry.domain.repositories import Repositories


class PolicyOperations:
    """Set, get, delete."""

    def __init__(self, repositories: Repositories, policies: RepositoryPolicies) -> None:
        self._repositories = repositories
        self._policies = policies

    @ecr.operation(resource=repository_arn)
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
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        return self._policies.set(context, repository, policy_text, force=force)

    @ecr.operation(resource=repository_arn)
    def get_repository_policy(
        self, context: Context, *, repository_name: str, registry_id: str | None = None
    ) -> Mapping[str, Any]:
        """The policy, exactly as it was set."""
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        return self._policies.get(repository)

    @ecr.operation(resource=repository_arn)
    def delete_repository_policy(
        self, context: Context, *, repository_name: str, registry_id: str | None = None
    ) -> Mapping[str, Any]:
        """Remove the policy."""
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        return self._policies.delete(repository)
