"""What all operations of ECR share: the declarations, and what a request is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.service import Declarations
from registry.values.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.aws.service import Conditions

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


def image_tags(_context: Context, parameters: Mapping[str, Any]) -> Sequence[Conditions]:
    """`ecr:ImageTag`, a key of our own: each image must be allowed under its own tag.

    An image that is named by digest alone has no such key.
    """
    named = [item.get("imageTag") for item in parameters.get("image_ids") or ()]
    tags = dict.fromkeys(named or [parameters.get("image_tag")])
    return [{"ecr:imagetag": tag} if tag else {} for tag in tags]
