"""Public registries, put together over the ground and over what private ones have."""

from __future__ import annotations

from registry.aws.pages import Pages
from registry.config import Settings
from registry.domain.api.layers import LayerChecks, LayerUploads
from registry.domain.api.policies import RepositoryPolicies
from registry.domain.api.resource_tags import RepositoryTags
from registry.domain.public.addresses import Addresses
from registry.domain.public.catalog import Catalog
from registry.domain.public.registries import PublicRegistries
from registry.domain.public.tags import TagDetails
from registry.ecr.binding import Stores as EcrStores
from registry.ecrpublic.binding import Stores
from registry.gallery.app import GalleryApp
from registry.gallery.listing import Listing
from registry.ground import Ground


def public_stores(settings: Settings, ground: Ground, ecr: EcrStores) -> Stores:
    """What ECR Public's operations work on."""
    registries = PublicRegistries(ground.database, ground.cache)
    return Stores(
        registries=registries,
        repositories=ecr.repositories,
        addresses=Addresses(settings.hosts, registries),
        catalog=Catalog(ground.database),
        resource_tags=RepositoryTags(ecr.repositories, ecr.settings),
        policies=RepositoryPolicies(ecr.repositories, ecr.access),
        images=ecr.images,
        deletions=ecr.deletions,
        tags=TagDetails(ground.database),
        uploads=LayerUploads(ecr.uploads, ecr.layers),
        checks=LayerChecks(ecr.blobs, ecr.layers),
        tokens=ecr.tokens,
    )


def gallery_of(stores: Stores, ecr: EcrStores, pages: Pages) -> GalleryApp:
    """The gallery over them."""
    listing = Listing(
        stores.registries,
        stores.repositories,
        addresses=stores.addresses,
        catalog=stores.catalog,
        access=ecr.access,
        pages=pages,
    )
    return GalleryApp(listing, stores.tags)
