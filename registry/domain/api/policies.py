"""Policies of repositories, as ECR and ECR Public take them.

Source: ECR and ECR Public API references, SetRepositoryPolicy.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from registry.aws.policy import PolicyInvalid, PolicyKind, parse
from registry.domain.identities.identity import Document
from registry.domain.requests import circumstances_of, identity_of
from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from registry.aws.context import Context
    from registry.domain.access import Access
    from registry.domain.repositories import Repositories, Repository

LIMIT = 10_240
"""Characters of a repository's policy (the models' RepositoryPolicyText)."""


class RepositoryPolicies:
    """Set, get, delete."""

    def __init__(self, repositories: Repositories, access: Access) -> None:
        self._repositories = repositories
        self._access = access

    def set(
        self, context: Context, repository: Repository, text: str, *, force: bool
    ) -> dict[str, Any]:
        """Set the policy; one that locks the caller out of setting another only with `force`.

        Raises ParameterInvalid.
        """
        check_policy(text)
        if not force:
            self._check_lock_out(context, repository, text)
        self._repositories.set_policy(repository, text)
        return _described(repository, text)

    def get(self, repository: Repository) -> dict[str, Any]:
        """The policy, exactly as it was set. Raises RepositoryPolicyNotFound."""
        return _described(repository, self._repositories.policy(repository))

    def delete(self, repository: Repository) -> dict[str, Any]:
        """Remove the policy. Raises RepositoryPolicyNotFound."""
        return _described(repository, self._repositories.delete_policy(repository))

    def _check_lock_out(self, context: Context, repository: Repository, text: str) -> None:
        new = Document("the new policy", text)
        guarded = replace(self._access.guarded(repository.arn), policy=new)
        decision = self._access.decide(
            identity_of(context),
            repository.scope.action("ecr:SetRepositoryPolicy"),
            repository.arn,
            circumstances_of(context, {}),
            guarded,
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


def _described(repository: Repository, text: str) -> dict[str, Any]:
    return {
        "registryId": repository.scope.account,
        "repositoryName": repository.name,
        "policyText": text,
    }
