"""ECR Public as a service of the gateway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.aws.constraints import invalid_parameter
from registry.ecrpublic.catalog import CatalogOperations, RegistryOperations
from registry.ecrpublic.errors import service_error
from registry.ecrpublic.images import ImageOperations, TagOperations
from registry.ecrpublic.layers import LayerOperations
from registry.ecrpublic.policies import PolicyOperations
from registry.ecrpublic.repositories import RepositoryOperations
from registry.ecrpublic.resource_tags import ResourceTagOperations
from registry.ecrpublic.service import GLOBAL_REGION, ecr_public
from registry.ecrpublic.tokens import TokenOperations

if TYPE_CHECKING:
    from registry.aws.pages import Pages
    from registry.aws.service import Service
    from registry.domain.api.layers import LayerChecks, LayerUploads
    from registry.domain.api.policies import RepositoryPolicies
    from registry.domain.api.resource_tags import RepositoryTags
    from registry.domain.deletions import Deletions
    from registry.domain.images import Images
    from registry.domain.public.addresses import Addresses
    from registry.domain.public.catalog import Catalog
    from registry.domain.public.registries import PublicRegistries
    from registry.domain.public.tags import TagDetails
    from registry.domain.repositories import Repositories
    from registry.domain.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Stores:
    """The domain under these operations."""

    registries: PublicRegistries
    repositories: Repositories
    addresses: Addresses
    catalog: Catalog
    resource_tags: RepositoryTags
    policies: RepositoryPolicies
    images: Images
    deletions: Deletions
    tags: TagDetails
    uploads: LayerUploads
    checks: LayerChecks
    tokens: Tokens


def bound_ecr_public(stores: Stores, pages: Pages) -> Service:
    """All operations of this server's ECR Public."""
    both = stores.registries, stores.repositories
    return ecr_public.bind(
        RepositoryOperations(*both, stores.addresses, pages),
        CatalogOperations(*both, stores.addresses, stores.catalog),
        RegistryOperations(*both, stores.addresses, pages),
        ImageOperations(*both, stores.images, stores.deletions, pages),
        TagOperations(*both, stores.tags, pages),
        LayerOperations(*both, stores.uploads, stores.checks),
        PolicyOperations(*both, stores.policies),
        ResourceTagOperations(stores.resource_tags),
        TokenOperations(stores.tokens),
        errors=service_error,
        invalid=invalid_parameter,
        global_region=GLOBAL_REGION,
    )
