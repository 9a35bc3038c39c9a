"""What all operations of ECR share: the declarations, and what a request is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.service import Declarations
from registry.values.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context

ecr = Declarations("ecr")


def scope_of(context: Context, registry_id: str | None) -> Scope:
    """The registry that an operation is about: `registryId`, the caller's own by default."""
    return Scope(registry_id or context.account, context.region)


def repository_arn(context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """ARN of the repository that `repositoryName` names."""
    scope = scope_of(context, parameters.get("registry_id"))
    return (scope.repository_arn(parameters["repository_name"]),)


def repository_arns(context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """ARNs of the repositories that `repositoryNames` names; of all, if it names none."""
    scope = scope_of(context, parameters.get("registry_id"))
    names = parameters.get("repository_names") or ("*",)
    return tuple(scope.repository_arn(name) for name in names)
