"""ECR as a service of the gateway."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from registry.aws.constraints import invalid_parameter
from registry.domain.api.layers import LayerUploads
from registry.domain.api.policies import RepositoryPolicies
from registry.domain.api.resource_tags import RepositoryTags
from registry.ecr.deletions import DeletionOperations
from registry.ecr.errors import service_error
from registry.ecr.image_scans import ImageScanOperations, ImageScans
from registry.ecr.images import ImageOperations
from registry.ecr.layers import LayerOperations, LayerUploadOperations
from registry.ecr.lifecycle import LifecycleOperations, LifecyclePreviewOperations
from registry.ecr.policies import PolicyOperations
from registry.ecr.pull_exclusions import PullExclusionOperations
from registry.ecr.pull_through import PullThroughOperations
from registry.ecr.referrers import ReferrerOperations
from registry.ecr.registry import RegistryOperations, RegistryPolicyOperations
from registry.ecr.replication import BackfillOperations, ReplicationOperations
from registry.ecr.repositories import RepositoryOperations
from registry.ecr.resource_tags import ResourceTagOperations
from registry.ecr.scanning import ScanningOperations
from registry.ecr.service import ecr
from registry.ecr.settings import SettingOperations
from registry.ecr.signing import SigningOperations
from registry.ecr.storage_class import StorageClassOperations
from registry.ecr.templates import TemplateOperations
from registry.ecr.tokens import TokenOperations
from registry.ecr.upstream import Upstream

if TYPE_CHECKING:
    from registry.aws.pages import Pages
    from registry.aws.service import Service
    from registry.domain.access import Access
    from registry.domain.blobs import Blobs
    from registry.domain.deletions import Deletions
    from registry.domain.downloads import Downloads
    from registry.domain.gates.doors import Doors
    from registry.domain.gates.gates import Gates
    from registry.domain.images import Images
    from registry.domain.key_use import KeyUse
    from registry.domain.layers import Layers
    from registry.domain.lifecycle.stores import Lifecycle
    from registry.domain.pull_exclusions import PullExclusions
    from registry.domain.pulls import Pulls
    from registry.domain.registries import Registries
    from registry.domain.replication.backfills import Backfills
    from registry.domain.replication.statuses import Statuses
    from registry.domain.repositories import Repositories
    from registry.domain.repository_settings import RepositorySettings
    from registry.domain.scanning.asking import Asking
    from registry.domain.scanning.scans import Scans
    from registry.domain.signing.configuration import SigningConfigurations
    from registry.domain.signing.requests import Signings
    from registry.domain.storage_class import StorageClasses
    from registry.domain.tagged import TagsOf
    from registry.domain.templates import Templates
    from registry.domain.tokens import Tokens
    from registry.domain.uploads import Uploads
    from registry.domain.upstreams.cache import Caching
    from registry.domain.vex.vex import Vex
    from registry.values.scope import Hosts


@dataclass(frozen=True, slots=True)
class Stores:
    """The domain under these operations."""

    registries: Registries
    repositories: Repositories
    settings: RepositorySettings
    templates: Templates
    images: Images
    pulls: Pulls
    pull_exclusions: PullExclusions
    storage_classes: StorageClasses
    signing: SigningConfigurations
    signings: Signings
    deletions: Deletions
    lifecycle: Lifecycle
    tags_of: TagsOf
    blobs: Blobs
    uploads: Uploads
    layers: Layers
    downloads: Downloads
    tokens: Tokens
    access: Access
    key_use: KeyUse
    statuses: Statuses
    backfills: Backfills
    caching: Caching
    scans: Scans
    vex: Vex
    gates: Gates
    doors: Doors
    asking: Asking
    scan_duration: timedelta | None
    """How long after its push an image is scanned continuously; None: for ever."""


def bound_ecr(stores: Stores, pages: Pages, hosts: Hosts) -> Service:
    """All operations of this server's ECR."""
    repositories, images, layers = stores.repositories, stores.images, stores.layers
    told = ImageScans(stores.scans, stores.registries, stores.scan_duration)
    caching = stores.caching
    upstream = Upstream(caching, stores.access, stores.blobs)
    return ecr.bind(
        RepositoryOperations(repositories, pages, hosts, stores.key_use),
        SettingOperations(repositories, stores.settings),
        ResourceTagOperations(RepositoryTags(repositories, stores.settings)),
        TemplateOperations(stores.templates, repositories, pages),
        RegistryPolicyOperations(stores.registries),
        RegistryOperations(stores.registries),
        ScanningOperations(repositories, stores.registries),
        ImageScanOperations(repositories, images, stores.scans, stores.asking, told, pages=pages),
        PolicyOperations(repositories, RepositoryPolicies(repositories, stores.access)),
        ImageOperations(
            repositories, images, pages, stores.pulls, told, upstream=upstream, doors=stores.doors
        ),
        PullExclusionOperations(stores.pull_exclusions, pages),
        StorageClassOperations(repositories, images, stores.storage_classes, stores.tags_of),
        SigningOperations(repositories, images, stores.signing, stores.signings),
        ReferrerOperations(repositories, images, pages),
        DeletionOperations(repositories, stores.deletions, stores.tags_of),
        LifecycleOperations(repositories, stores.lifecycle.policies),
        LifecyclePreviewOperations(
            repositories, images, stores.lifecycle.policies, stores.lifecycle.previews, pages
        ),
        LayerUploadOperations(repositories, LayerUploads(stores.uploads, layers)),
        LayerOperations(
            repositories, stores.blobs, layers, stores.downloads, upstream, doors=stores.doors
        ),
        PullThroughOperations(caching.rules, caching.sources, pages),
        TokenOperations(stores.tokens, hosts),
        ReplicationOperations(repositories, images, stores.statuses),
        BackfillOperations(stores.backfills, pages),
        errors=service_error,
        invalid=invalid_parameter,
    )
