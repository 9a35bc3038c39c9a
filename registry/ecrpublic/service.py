"""What all operations of ECR Public share: the declarations, and what a request is about.

A public registry belongs to an account and to no region, so every region that the server has
serves it. Source: ECR Public API reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.service import Declarations
from registry.values.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.aws.service import Conditions
    from registry.domain.public.registries import PublicRegistries
    from registry.domain.repositories import Repositories, Repository

ecr_public = Declarations("ecr-public")

GLOBAL_REGION = "us-east-1"
"""Where AWS has it: clients sign for this region, whichever the server's is."""
PAGE = 100
"""Entries in one answer, where `maxResults` says nothing."""


class Public:
    """What every group of operations builds on: who is meant by `registryId`."""

    def __init__(self, registries: PublicRegistries, repositories: Repositories) -> None:
        self._registries = registries
        self._repositories = repositories

    def scope(self, context: Context, registry_id: str | None) -> Scope:
        """The registry of that account or alias, the caller's own by default.

        Raises RegistryNotFound.
        """
        if registry_id is None:
            return Scope.public_of(context.account)
        return self._registries.find(registry_id)

    def repository(self, context: Context, registry_id: str | None, name: str) -> Repository:
        """The repository. Raises RegistryNotFound, RepositoryNotFound."""
        return self._repositories.get(self.scope(context, registry_id), name)

    def repository_arn(self, context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
        """ARN of the repository that `repositoryName` names."""
        scope = self.scope(context, parameters.get("registry_id"))
        return (scope.repository_arn(parameters["repository_name"]),)

    def repository_arns(self, context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
        """ARNs of the repositories that `repositoryNames` names; of all, if it names none."""
        scope = self.scope(context, parameters.get("registry_id"))
        names = parameters.get("repository_names") or ("*",)
        return tuple(scope.repository_arn(name) for name in names)


def registry_arn(context: Context, _parameters: Mapping[str, Any]) -> Sequence[str]:
    """ARN of the caller's own registry."""
    return (arn_of_registry(context.account),)


def arn_of_registry(account: str) -> str:
    """ARN of an account's public registry."""
    return f"arn:aws:ecr-public::{account}:registry/{account}"


def request_tags(_context: Context, parameters: Mapping[str, Any]) -> Sequence[Conditions]:
    """`aws:RequestTag/*` and `aws:TagKeys` of an operation that sets resource tags."""
    tags = {tag.get("Key", ""): tag.get("Value", "") for tag in parameters.get("tags") or ()}
    found: dict[str, str | tuple[str, ...]] = {
        f"aws:requesttag/{key.lower()}": value for key, value in tags.items()
    }
    return ({**found, "aws:tagkeys": tuple(tags)} if tags else {},)
