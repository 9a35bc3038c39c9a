"""ECR Public's operations on what the gallery shows, and on registries.

Source: ECR Public API reference, PutRepositoryCatalogData, PutRegistryCatalogData,
DescribeRegistries and their like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.ecrpublic.service import (
    Public,
    arn_of_registry,
    ecr_public,
    registry_arn,
)
from registry.values.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.aws.context import Context
    from registry.aws.pages import Pages
    from registry.domain.public.addresses import Addresses
    from registry.domain.public.catalog import Catalog
    from registry.domain.public.registries import PublicRegistries
    from registry.domain.repositories import Repositories

_LOGO = "logoImageBlob"


class CatalogOperations(Public):
    """Put and get what the gallery shows of a repository."""

    def __init__(
        self,
        registries: PublicRegistries,
        repositories: Repositories,
        addresses: Addresses,
        catalog: Catalog,
    ) -> None:
        super().__init__(registries, repositories)
        self._addresses = addresses
        self._catalog = catalog

    @ecr_public.operation(resource=Public.repository_arn)
    def put_repository_catalog_data(
        self,
        context: Context,
        *,
        repository_name: str,
        catalog_data: Mapping[str, Any],
        registry_id: str | None = None,
    ) -> Mapping[str, Any]:
        """Show these texts, badges and logo instead of what was shown before."""
        repository = self.repository(context, registry_id, repository_name)
        self._catalog.put(repository, *document_of(catalog_data))
        return self._shown(context, registry_id, repository_name)

    @ecr_public.operation(resource=Public.repository_arn)
    def get_repository_catalog_data(
        self, context: Context, *, repository_name: str, registry_id: str | None = None
    ) -> Mapping[str, Any]:
        """What is shown."""
        return self._shown(context, registry_id, repository_name)

    def _shown(self, context: Context, registry_id: str | None, name: str) -> dict[str, Any]:
        repository = self.repository(context, registry_id, name)
        data = self._catalog.get(repository)
        url = self._addresses.logo_url(repository, context.host, secure=context.secure)
        logo_url = url if data.has_logo else None
        return {"catalogData": described_data(data.document, logo_url)}


class RegistryOperations(Public):
    """The caller's own registry: its aliases and its name."""

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

    @ecr_public.operation(resource=registry_arn)
    def describe_registries(
        self,
        context: Context,
        *,
        next_token: str | None = None,
        max_results: int | None = None,  # noqa: ARG002 - there is one
    ) -> Mapping[str, Any]:
        """The one that each account has."""
        account = context.account
        self._pages.open(f"public registries {context.caller.arn}", next_token, "")
        uri = self._addresses.registry_uri(Scope.public_of(account), context.host)
        aliases = [
            {
                "name": alias.name,
                "status": "ACTIVE",
                "primaryRegistryAlias": number == 0,
                "defaultRegistryAlias": not alias.chosen,
            }
            for number, alias in enumerate(self._registries.aliases(account))
        ]
        registry = {
            "registryId": account,
            "registryArn": arn_of_registry(account),
            "registryUri": uri,
            "verified": False,
            "aliases": aliases,
        }
        return {"registries": [registry]}

    @ecr_public.operation(resource=registry_arn)
    def get_registry_catalog_data(self, context: Context) -> Mapping[str, Any]:
        """The name that the gallery shows for the account."""
        name = self._registries.display_name(context.account)
        return {"registryCatalogData": {"displayName": name}}

    @ecr_public.operation(resource=registry_arn)
    def put_registry_catalog_data(
        self, context: Context, *, display_name: str | None = None
    ) -> Mapping[str, Any]:
        """Show another name; without one, the registry's alias is shown."""
        self._registries.set_display_name(context.account, display_name or "")
        return {"registryCatalogData": {"displayName": display_name or ""}}


def document_of(given: Mapping[str, Any]) -> tuple[dict[str, Any], bytes | None]:
    """What is kept of catalog data: the texts and badges, and the logo."""
    return {name: value for name, value in given.items() if name != _LOGO}, given.get(_LOGO)


def described_data(document: Mapping[str, Any], logo_url: str | None) -> dict[str, Any]:
    """In the model's form."""
    logo = {} if logo_url is None else {"logoUrl": logo_url}
    return {**document, **logo, "marketplaceCertified": False}
