"""ECR Public's operations on repositories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.domain.api.images import refuse_pages
from registry.domain.api.resource_tags import request_tags
from registry.domain.public import catalog
from registry.domain.public.registries import ensure_alias
from registry.domain.resource_labels import label_set
from registry.ecrpublic.catalog import described_data, document_of
from registry.ecrpublic.service import PAGE, Public, ecr_public
from registry.values.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import sqlalchemy as sa

    from registry.aws.context import Context
    from registry.aws.pages import Pages
    from registry.domain.public.addresses import Addresses
    from registry.domain.public.registries import PublicRegistries
    from registry.domain.repositories import Repositories, Repository


class RepositoryOperations(Public):
    """Create, describe, delete."""

    def __init__(
        self,
        registries: PublicRegistries,
        repositories: Repositories,
        addresses: Addresses,
        pages: Pages,
    ) -> None:
        super().__init__(registries, repositories)
        self._addresses = addresses
        self._pages = pages

    @ecr_public.operation(resource=Public.repository_arn, conditions=request_tags)
    def create_repository(
        self,
        context: Context,
        *,
        repository_name: str,
        catalog_data: Mapping[str, Any] | None = None,
        tags: Sequence[Mapping[str, str]] = (),
    ) -> Mapping[str, Any]:
        """Make an empty repository, and the registry's alias with the first one."""
        document, logo = document_of(catalog_data or {})
        media_type = catalog.logo_type(logo)

        def also(connection: sa.Connection, made: Repository) -> None:
            ensure_alias(connection, made.scope.account)
            if catalog_data is not None:
                catalog.write(connection, made, document, logo, media_type)

        made = self._repositories.create(
            Scope.public_of(context.account),
            repository_name,
            resource_tags=label_set([(tag.get("Key", ""), tag.get("Value", "")) for tag in tags]),
            also=also,
        )
        described = self._described(context, made)
        if catalog_data is None:
            return {"repository": described, "catalogData": {}}
        logo_url = self._addresses.logo_url(made, context.host, secure=context.secure)
        shown = described_data(document, logo_url if logo else None)
        return {"repository": described, "catalogData": shown}

    @ecr_public.operation(resource=Public.repository_arns)
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
        scope = self.scope(context, registry_id)
        if repository_names:
            refuse_pages("repositoryNames", next_token, max_results)
            named = [self._repositories.get(scope, name) for name in repository_names]
            return {"repositories": [self._described(context, item) for item in named]}
        listing = f"public repositories {scope} {context.caller.arn}"
        limit = max_results or PAGE
        after = self._pages.open(listing, next_token, "")
        found = self._repositories.page(scope, after, limit + 1)
        answer: dict[str, Any] = {
            "repositories": [self._described(context, item) for item in found[:limit]]
        }
        if len(found) > limit:
            answer["nextToken"] = self._pages.seal(listing, found[limit - 1].name)
        return answer

    @ecr_public.operation(resource=Public.repository_arn)
    def delete_repository(
        self,
        context: Context,
        *,
        repository_name: str,
        registry_id: str | None = None,
        force: bool = False,
    ) -> Mapping[str, Any]:
        """Remove a repository; one that holds images only with `force`."""
        scope = self.scope(context, registry_id)
        gone = self._repositories.delete(scope, repository_name, force=force)
        return {"repository": self._described(context, gone)}

    def _described(self, context: Context, repository: Repository) -> dict[str, Any]:
        return {
            "repositoryArn": repository.arn,
            "registryId": repository.scope.account,
            "repositoryName": repository.name,
            "repositoryUri": self._addresses.uri(repository.scope, repository.name, context.host),
            "createdAt": repository.created_at,
        }
