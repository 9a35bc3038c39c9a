"""ECR's operations that change what a repository is set to.

Source: ECR API reference, PutImageTagMutability, PutImageScanningConfiguration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.ecr.service import ecr, repository_arn, scope_of
from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_ecr.type_defs import (
        ImageScanningConfigurationTypeDef,
        ImageTagMutabilityExclusionFilterTypeDef,
    )

    from registry.aws.context import Context
    from registry.domain.repositories import Repositories, Repository
    from registry.domain.repository_settings import RepositorySettings


class SettingOperations:
    """Mutability of tags, scanning on push."""

    def __init__(self, repositories: Repositories, settings: RepositorySettings) -> None:
        self._repositories = repositories
        self._settings = settings

    @ecr.operation(resource=repository_arn)
    def put_image_tag_mutability(
        self,
        context: Context,
        *,
        repository_name: str,
        image_tag_mutability: str,
        registry_id: str | None = None,
        image_tag_mutability_exclusion_filters: (
            Sequence[ImageTagMutabilityExclusionFilterTypeDef]
        ) = (),
    ) -> Mapping[str, Any]:
        """Whether tags may move to another image; the filters name those of which the opposite
        holds.
        """
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        exclusions = exclusions_of(image_tag_mutability, image_tag_mutability_exclusion_filters)
        self._settings.set_mutability(repository, image_tag_mutability, exclusions)
        return {
            **_about(repository),
            "imageTagMutability": image_tag_mutability,
            **shown_exclusions(exclusions),
        }

    @ecr.operation(resource=repository_arn)
    def put_image_scanning_configuration(
        self,
        context: Context,
        *,
        repository_name: str,
        image_scanning_configuration: ImageScanningConfigurationTypeDef,
        registry_id: str | None = None,
    ) -> Mapping[str, Any]:
        """Whether images are to be scanned as they are pushed."""
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        wanted = image_scanning_configuration.get("scanOnPush", False)
        self._settings.set_scan_on_push(repository, scan_on_push=wanted)
        return {**_about(repository), "imageScanningConfiguration": {"scanOnPush": wanted}}


def exclusions_of(
    mutability: str, filters: Sequence[ImageTagMutabilityExclusionFilterTypeDef]
) -> list[str]:
    """The filters' texts. Raises ParameterInvalid unless they go with the mutability."""
    exclusions = [item["filter"] for item in filters]
    if mutability.endswith("_WITH_EXCLUSION") != bool(exclusions):
        raise ParameterInvalid(
            "Invalid parameter at 'imageTagMutabilityExclusionFilters' failed to satisfy"
            f" constraint: 'must be given with, and only with, a mutability that ends in"
            f" _WITH_EXCLUSION; imageTagMutability is {mutability}'"
        )
    if any(text.count("*") > 2 for text in exclusions):
        raise ParameterInvalid(
            "Invalid parameter at 'imageTagMutabilityExclusionFilters' failed to satisfy"
            " constraint: 'a filter has at most 2 wildcards (*)'"
        )
    return exclusions


def shown_exclusions(exclusions: Sequence[str]) -> dict[str, Any]:
    """The member of an answer that holds them; nothing where there are none."""
    if not exclusions:
        return {}
    shown = [{"filterType": "WILDCARD", "filter": text} for text in exclusions]
    return {"imageTagMutabilityExclusionFilters": shown}


def _about(repository: Repository) -> dict[str, str]:
    return {"registryId": repository.scope.account, "repositoryName": repository.name}
