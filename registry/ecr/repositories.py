"""ECR's operations on repositories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.domain.api.resource_tags import request_tags
from registry.domain.repositories import Encryption
from registry.domain.requests import circumstances_of, identity_of
from registry.domain.resource_labels import label_set
from registry.ecr.service import ecr, repository_arn, repository_arns, scope_of
from registry.ecr.settings import exclusions_of, shown_exclusions
from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_ecr.type_defs import (
        EncryptionConfigurationTypeDef,
        ImageScanningConfigurationTypeDef,
        ImageTagMutabilityExclusionFilterTypeDef,
        RepositoryTypeDef,
        TagTypeDef,
    )

    from registry.aws.context import Context
    from registry.aws.pages import Pages
    from registry.domain.key_use import KeyUse
    from registry.domain.repositories import Repositories, Repository
    from registry.values.scope import Hosts

PAGE = 100
"""Repositories in one answer, where `maxResults` says nothing."""


class RepositoryOperations:
    """Create, describe, delete."""

    def __init__(
        self, repositories: Repositories, pages: Pages, hosts: Hosts, key_use: KeyUse
    ) -> None:
        self._repositories = repositories
        self._pages = pages
        self._hosts = hosts
        self._key_use = key_use

    @ecr.operation(resource=repository_arn, conditions=request_tags)
    def create_repository(
        self,
        context: Context,
        *,
        repository_name: str,
        registry_id: str | None = None,
        tags: Sequence[TagTypeDef] = (),
        image_tag_mutability: str = "MUTABLE",
        image_tag_mutability_exclusion_filters: (
            Sequence[ImageTagMutabilityExclusionFilterTypeDef]
        ) = (),
        image_scanning_configuration: ImageScanningConfigurationTypeDef | None = None,
        encryption_configuration: EncryptionConfigurationTypeDef | None = None,
    ) -> Mapping[str, Any]:
        """Make an empty repository."""
        exclusions = exclusions_of(image_tag_mutability, image_tag_mutability_exclusion_filters)
        wanted = encryption_configuration or {"encryptionType": "AES256"}
        scope = scope_of(context, registry_id)
        encryption = Encryption(wanted["encryptionType"], wanted.get("kmsKey"))
        repository = self._repositories.create(
            scope,
            repository_name,
            mutability=image_tag_mutability,
            exclusions=exclusions,
            encryption=self._key_use.granted(
                identity_of(context), circumstances_of(context, {}), scope, encryption
            ),
            scan_on_push=(image_scanning_configuration or {}).get("scanOnPush", False),
            resource_tags=label_set([(tag["Key"], tag["Value"]) for tag in tags]),
        )
        return {"repository": self._described(context, repository)}

    @ecr.operation(resource=repository_arns)
    def describe_repositories(
        self,
        context: Context,
        *,
        registry_id: str | None = None,
        repository_names: Sequence[str] | None = None,
        next_token: str | None = None,
        max_results: int | None = None,
    ) -> Mapping[str, Any]:
        """The named repositories, or all, in pages."""
        scope = scope_of(context, registry_id)
        if repository_names:
            if next_token is not None or max_results is not None:
                raise ParameterInvalid(
                    "Invalid parameter at 'maxResults' failed to satisfy constraint:"
                    " 'must not be used together with repositoryNames'"
                )
            named = [self._repositories.get(scope, name) for name in repository_names]
            return {"repositories": [self._described(context, item) for item in named]}
        listing = f"repositories {scope} {context.caller.arn}"
        limit = max_results or PAGE
        after = self._pages.open(listing, next_token, "")
        found = self._repositories.page(scope, after, limit + 1)
        answer: dict[str, Any] = {
            "repositories": [self._described(context, item) for item in found[:limit]]
        }
        if len(found) > limit:
            answer["nextToken"] = self._pages.seal(listing, found[limit - 1].name)
        return answer

    @ecr.operation(resource=repository_arn)
    def delete_repository(
        self,
        context: Context,
        *,
        repository_name: str,
        registry_id: str | None = None,
        force: bool = False,
    ) -> Mapping[str, Any]:
        """Remove a repository; one that holds images only with `force`."""
        scope = scope_of(context, registry_id)
        repository = self._repositories.delete(scope, repository_name, force=force)
        described = self._described(context, repository)
        described.pop("imageScanningConfiguration", None)
        described.pop("encryptionConfiguration", None)
        return {"repository": described}

    def _described(self, context: Context, repository: Repository) -> RepositoryTypeDef:
        encryption: EncryptionConfigurationTypeDef = {
            "encryptionType": repository.encryption_type,  # type: ignore[typeddict-item]  # the row's text
        }
        key_arn = self._repositories.key_arn(repository)
        if key_arn is not None:
            encryption["kmsKey"] = key_arn
        host = self._hosts.host(repository.scope, context.host)
        described: RepositoryTypeDef = {
            "repositoryArn": repository.arn,
            "registryId": repository.scope.account,
            "repositoryName": repository.name,
            "repositoryUri": f"{host}/{repository.name}",
            "createdAt": repository.created_at,
            "imageTagMutability": repository.mutability,  # type: ignore[typeddict-item]  # the row's text
            "imageScanningConfiguration": {"scanOnPush": repository.scan_on_push},
            "encryptionConfiguration": encryption,
        }
        described.update(shown_exclusions(repository.exclusions))  # type: ignore[typeddict-item]  # its one member
        return described
