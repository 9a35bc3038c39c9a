"""ECR's operations on repository creation templates.

Source: ECR API reference, CreateRepositoryCreationTemplate and its like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.service import ANY
from registry.domain.api.policies import check_policy
from registry.domain.repositories import Encryption
from registry.domain.resource_labels import label_set
from registry.ecr.lifecycle import check_policy as check_lifecycle_policy
from registry.ecr.service import ecr, scope_of
from registry.ecr.settings import exclusions_of
from registry.values.errors import KeyNotFound, KeyUnavailable, ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_ecr.type_defs import (
        EncryptionConfigurationForRepositoryCreationTemplateTypeDef,
        ImageTagMutabilityExclusionFilterTypeDef,
        TagTypeDef,
    )

    from registry.aws.context import Context
    from registry.aws.pages import Pages
    from registry.domain.repositories import Repositories
    from registry.domain.templates import Document, Template, Templates
    from registry.values.scope import Scope

PAGE = 100
"""Entries in one answer, where `maxResults` says nothing."""

_FILTERS = "imageTagMutabilityExclusionFilters"
_DEFAULTS: Mapping[str, Any] = {
    "description": "",
    "encryptionConfiguration": {"encryptionType": "AES256"},
    "resourceTags": [],
    "imageTagMutability": "MUTABLE",
}


def custom_role(_context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """The role that ECR is to use, if one is named."""
    role = parameters.get("custom_role_arn")
    return () if role is None else (role,)


class TemplateOperations:
    """Create, describe, update, delete."""

    def __init__(self, templates: Templates, repositories: Repositories, pages: Pages) -> None:
        self._templates = templates
        self._repositories = repositories
        self._pages = pages

    @ecr.operation(resource=ANY, passes=custom_role, passed_to="ecr.amazonaws.com")
    def create_repository_creation_template(
        self,
        context: Context,
        *,
        prefix: str,
        applied_for: Sequence[str],
        description: str | None = None,
        encryption_configuration: (
            EncryptionConfigurationForRepositoryCreationTemplateTypeDef | None
        ) = None,
        resource_tags: Sequence[TagTypeDef] | None = None,
        image_tag_mutability: str | None = None,
        image_tag_mutability_exclusion_filters: (
            Sequence[ImageTagMutabilityExclusionFilterTypeDef] | None
        ) = None,
        repository_policy: str | None = None,
        lifecycle_policy: str | None = None,
        custom_role_arn: str | None = None,
    ) -> Mapping[str, Any]:
        """Keep a template."""
        given = _given(
            prefix=prefix,
            description=description,
            encryptionConfiguration=encryption_configuration,
            resourceTags=resource_tags,
            imageTagMutability=image_tag_mutability,
            imageTagMutabilityExclusionFilters=image_tag_mutability_exclusion_filters,
            repositoryPolicy=repository_policy,
            lifecyclePolicy=lifecycle_policy,
            appliedFor=applied_for,
            customRoleArn=custom_role_arn,
        )
        scope, document = scope_of(context, None), {**_DEFAULTS, **given}
        self._check(scope, document)
        return _told(scope, self._templates.create(scope, document))

    @ecr.operation(resource=ANY, passes=custom_role, passed_to="ecr.amazonaws.com")
    def update_repository_creation_template(
        self,
        context: Context,
        *,
        prefix: str,
        applied_for: Sequence[str] | None = None,
        description: str | None = None,
        encryption_configuration: (
            EncryptionConfigurationForRepositoryCreationTemplateTypeDef | None
        ) = None,
        resource_tags: Sequence[TagTypeDef] | None = None,
        image_tag_mutability: str | None = None,
        image_tag_mutability_exclusion_filters: (
            Sequence[ImageTagMutabilityExclusionFilterTypeDef] | None
        ) = None,
        repository_policy: str | None = None,
        lifecycle_policy: str | None = None,
        custom_role_arn: str | None = None,
    ) -> Mapping[str, Any]:
        """Change what is given, and keep the rest."""
        given = _given(
            description=description,
            encryptionConfiguration=encryption_configuration,
            resourceTags=resource_tags,
            imageTagMutability=image_tag_mutability,
            imageTagMutabilityExclusionFilters=image_tag_mutability_exclusion_filters,
            repositoryPolicy=repository_policy,
            lifecyclePolicy=lifecycle_policy,
            appliedFor=applied_for,
            customRoleArn=custom_role_arn,
        )

        scope = scope_of(context, None)

        def change(old: Document) -> Document:
            # Filters go with a mutability: a new one does not take over those of the old.
            kept = {
                name: old[name] for name in old if name != _FILTERS or image_tag_mutability is None
            }
            new = {**kept, **given}
            self._check(scope, new)
            return new

        return _told(scope, self._templates.update(scope, prefix, change))

    @ecr.operation(resource=ANY)
    def describe_repository_creation_templates(
        self,
        context: Context,
        *,
        prefixes: Sequence[str] | None = None,
        next_token: str | None = None,
        max_results: int | None = None,
    ) -> Mapping[str, Any]:
        """Those of the prefixes that there are, or all, in pages."""
        scope = scope_of(context, None)
        answer: dict[str, Any] = {"registryId": scope.account}
        if prefixes:
            named = [self._templates.find(scope, each) for each in dict.fromkeys(prefixes)]
            found = [each for each in named if each is not None]
        else:
            listing = f"templates {scope} {context.caller.arn}"
            limit = max_results or PAGE
            after = self._pages.open(listing, next_token, "")
            found = self._templates.page(scope, after, limit + 1)
            if len(found) > limit:
                found = found[:limit]
                answer["nextToken"] = self._pages.seal(listing, found[-1].prefix)
        return {**answer, "repositoryCreationTemplates": [_described(each) for each in found]}

    @ecr.operation(resource=ANY)
    def delete_repository_creation_template(
        self, context: Context, *, prefix: str
    ) -> Mapping[str, Any]:
        """Forget it; repositories made by it stay as they are."""
        scope = scope_of(context, None)
        return _told(scope, self._templates.delete(scope, prefix))

    def _check(self, scope: Scope, document: Document) -> None:
        """Raise ParameterInvalid and its kinds for what no repository could be given."""
        exclusions_of(document["imageTagMutability"], document.get(_FILTERS, ()))
        label_set([(tag["Key"], tag["Value"]) for tag in document["resourceTags"]])
        if text := document.get("lifecyclePolicy"):
            check_lifecycle_policy(text)
        if text := document.get("repositoryPolicy"):
            check_policy(text)
        encryption = document["encryptionConfiguration"]
        wanted = Encryption(encryption["encryptionType"], encryption.get("kmsKey") or None)
        try:
            self._repositories.key_of(scope, wanted)
        except (KeyNotFound, KeyUnavailable) as error:
            raise ParameterInvalid(
                "Invalid parameter at 'encryptionConfiguration' failed to satisfy constraint:"
                f" '{error}'"
            ) from None


def _given(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _described(template: Template) -> dict[str, Any]:
    times = {"createdAt": template.created_at, "updatedAt": template.updated_at}
    return {**template.document, **times}


def _told(scope: Scope, template: Template) -> Mapping[str, Any]:
    return {"registryId": scope.account, "repositoryCreationTemplate": _described(template)}
