"""ECR's operations on the policies of repositories.

Source: ECR API reference, SetRepositoryPolicy, GetRepositoryPolicy, DeleteRepositoryPolicy.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from registry.aws.policy import PolicyInvalid, PolicyKind, parse
from registry.domain.identities.identity import Document
from registry.domain.requests import circumstances_of, identity_of
from registry.ecr.service import ecr, repository_arn, scope_of
from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.aws.context import Context
    from registry.domain.access import Access
    from registry.domain.repositories import Repositories, Repository

LIMIT = 10_240
"""Characters of a repository's policy (the model's PolicyText)."""
_SET = "ecr:SetRepositoryPolicy"


class PolicyOperations:
    """Set, get, delete."""

    def __init__(self, repositories: Repositories, access: Access) -> None:
        self._repositories = repositories
        self._access = access

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
        check_policy(policy_text)
        if not force:
            self._check_lock_out(context, repository, policy_text)
        self._repositories.set_policy(repository, policy_text)
        return _described(repository, policy_text)

    @ecr.operation(resource=repository_arn)
    def get_repository_policy(
        self, context: Context, *, repository_name: str, registry_id: str | None = None
    ) -> Mapping[str, Any]:
        """The policy, exactly as it was set."""
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        return _described(repository, self._repositories.policy(repository))

    @ecr.operation(resource=repository_arn)
    def delete_repository_policy(
        self, context: Context, *, repository_name: str, registry_id: str | None = None
    ) -> Mapping[str, Any]:
        """Remove the policy."""
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        return _described(repository, self._repositories.delete_policy(repository))

    def _check_lock_out(self, context: Context, repository: Repository, text: str) -> None:
        new = Document("the new policy", text)
        guarded = replace(self._access.guarded(repository.arn), policy=new)
        decision = self._access.decide(
            identity_of(context), _SET, repository.arn, circumstances_of(context, {}), guarded
        )
        if not decision.allowed:
            raise _invalid("it would prevent you from setting another one; use force to set it")


def check_policy(text: str) -> None:
    """Raise ParameterInvalid for what cannot be a repository's policy."""
    try:
        parse(text, PolicyKind.RESOURCE, limit=LIMIT)
    except PolicyInvalid as error:
        raise _invalid(str(error)) from None


def _invalid(reason: str) -> ParameterInvalid:
    return ParameterInvalid(
        "Invalid parameter at 'PolicyText' failed to satisfy constraint:"
        f" 'Invalid repository policy provided': {reason}"
    )


def _described(repository: Repository, text: str) -> Mapping[str, Any]:
    return {
        "registryId": repository.scope.account,
        "repositoryName": repository.name,
        "policyText": text,
    }
