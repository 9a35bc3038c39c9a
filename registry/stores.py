"""The parts of the domain, each put together over the ground."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace

from registry.caching import caching_of
from registry.companions import guards_of
from registry.config import Settings
from registry.domain.access import Access, no_record
from registry.domain.blobs import Blobs
from registry.domain.copying.copier import Copier
from registry.domain.copying.orders import Orders
from registry.domain.deletions import Deletions
from registry.domain.downloads import Downloads
from registry.domain.events.deliveries import Queue
from registry.domain.events.targets import Targets
from registry.domain.garbage import Garbage
from registry.domain.gates.doors import Count, Doors
from registry.domain.gates.doors import uncounted as uncounted_gates
from registry.domain.gates.gates import Gates
from registry.domain.gates.knowledge import Knowledge
from registry.domain.gates.signatures import Signatures
from registry.domain.gates.tellings import Tellings
from registry.domain.grants import Grants
from registry.domain.guards import Guards
from registry.domain.identities.groups import Groups
from registry.domain.identities.holdings import Holdings
from registry.domain.identities.policies import Policies
from registry.domain.identities.resource_tags import ResourceTags
from registry.domain.identities.roles import Profiles, Roles
from registry.domain.identities.secrets import Secrets
from registry.domain.identities.usage import PolicyUsage
from registry.domain.identities.users import AccessKeys, Users
from registry.domain.images import Images
from registry.domain.key_policies import KeyGuards
from registry.domain.key_use import KeyUse, Lending
from registry.domain.layers import Layers
from registry.domain.lifecycle.stores import Lifecycle, lifecycle_of
from registry.domain.pull_exclusions import PullExclusions
from registry.domain.registries import Registries
from registry.domain.rekeyer import Rekeyer
from registry.domain.rekeying import Rekeying
from registry.domain.replication import queue
from registry.domain.replication.backfills import Backfills
from registry.domain.replication.pieces import Pieces, uncounted
from registry.domain.replication.replicator import Replicator
from registry.domain.replication.sender import Sender
from registry.domain.replication.statuses import Statuses
from registry.domain.repositories import Repositories
from registry.domain.repository_settings import RepositorySettings
from registry.domain.resealing import Resealing
from registry.domain.resting import Removal, nothing_more
from registry.domain.scan_reports.attachments import Attachments
from registry.domain.scan_reports.converted import Converter
from registry.domain.scan_reports.writer import ReportWriter
from registry.domain.scanning.asking import Asking
from registry.domain.scanning.reports import Reports
from registry.domain.scanning.scans import Scans
from registry.domain.signing.configuration import SigningConfigurations
from registry.domain.signing.requests import Signings
from registry.domain.storage_class import StorageClasses
from registry.domain.tagged import TagsOf
from registry.domain.templates import Templates
from registry.domain.tokens import Tokens
from registry.domain.undelete import Undelete
from registry.domain.uploads import Uploads
from registry.domain.vault import Vault
from registry.domain.vex.documents import Library
from registry.domain.vex.referrers import VexReferrers
from registry.domain.vex.vex import Vex
from registry.ecr.binding import Stores as EcrStores
from registry.ground import Ground
from registry.iam.service import Stores
from registry.scanners.apart import Apart
from registry.scanners.process import Bounds
from registry.scanners.trivy import Trivy, TrivySettings


def vex_of(ground: Ground, images: Images, blobs: Blobs) -> Vex:
    """What VEX documents say of images."""
    library = Library()
    signatures = Signatures(ground.database, images, blobs)
    return Vex(ground.database, library, VexReferrers(images, blobs, signatures, library))


def scanner_of(settings: Settings) -> Trivy:
    """What looks into images, and converts what it found."""
    return Trivy(
        TrivySettings(
            settings.trivy,
            settings.trivy_path,
            arguments=tuple(shlex.split(settings.trivy_arguments)),
            database=settings.trivy_database,
            java_database=settings.trivy_java_database,
            offline=settings.trivy_offline,
            server=settings.trivy_server,
            bounds=Bounds(seconds=settings.scan_timeout, memory=settings.scan_memory_mib << 20),
        )
    )


def report_writer_of(settings: Settings, stores: EcrStores) -> ReportWriter:
    """What writes of scans."""
    return ReportWriter(stores.images, stores.scans, Converter(scanner_of(settings), Apart()))


def attachments_of(stores: EcrStores, writer: ReportWriter) -> Attachments:
    """What attaches reports to images."""
    return Attachments(stores.images, stores.uploads, writer)


def tokens_of(ground: Ground) -> Tokens:
    """What makes and opens the passwords of `docker login`."""
    key = ground.keys.secret("authorization tokens")
    return Tokens(key, ground.directory, ground.sessions, ground.robots)


def stores_of(ground: Ground) -> Stores:
    """What IAM's operations work on."""
    database = ground.database
    return Stores(
        users=Users(database),
        keys=AccessKeys(database, ground.secrets),
        groups=Groups(database),
        roles=Roles(database),
        profiles=Profiles(database),
        policies=Policies(database),
        holdings=Holdings(database),
        usage=PolicyUsage(database),
        directory=ground.directory,
    )


def removal_of(settings: Settings) -> Removal:
    """How images, tags and repositories are deleted."""
    return Removal(
        settings.undelete, settings.delete_immutable, settings.delete_children, queue.deleted
    )


def repositories_of(settings: Settings, ground: Ground) -> Repositories:
    """The repositories over the ground."""
    vault = Vault(ground.storage, ground.provider)
    return Repositories(
        ground.database,
        ground.cache,
        vault,
        ground.provider,
        removal=removal_of(settings),
        encrypted=settings.encryption,
        lent=Lending(ground.keys),
    )


def grants_of(ground: Ground) -> Grants:
    """The grants on the keyring's keys."""
    return Grants(ground.database, ground.cache)


def garbage_of(settings: Settings, ground: Ground) -> Garbage:
    """What collects garbage over the ground."""
    vault = Vault(ground.storage, ground.provider)
    return Garbage(
        ground.database,
        vault,
        ground.storage,
        grace=settings.gc_grace,
        expiry=settings.upload_expiry,
    )


def deletions_of(settings: Settings, ground: Ground) -> Deletions:
    """What deletes images for whoever asks, and lets the deletions go where others are to know."""
    return Deletions(ground.database, removal_of(settings))


def lifecycle_stores(
    settings: Settings,
    ground: Ground,
    repositories: Repositories,
    deletions: Deletions | None = None,
) -> Lifecycle:
    """Lifecycle policies, what runs them, and who keeps images from them."""
    deletions = deletions or deletions_of(settings, ground)
    return lifecycle_of(
        ground.database,
        repositories,
        deletions,
        grace=settings.gc_grace,
        notice=settings.lifecycle_notice,
    )


def event_targets_of(ground: Ground) -> Targets:
    """Who wants to hear of events."""
    return Targets(ground.database, Secrets(ground.keys.secret("event targets")))


def event_queue_of(settings: Settings, ground: Ground) -> Queue:
    """What is still to be told to them."""
    return Queue(ground.database, settings.event_retry)


def rekeying_of(settings: Settings, ground: Ground) -> Rekeying:
    """What starts a repository's move to another key, and tells of it."""
    vault = Vault(ground.storage, ground.provider)
    return Rekeying(ground.database, vault, repositories_of(settings, ground))


def resealing_of(settings: Settings, ground: Ground) -> Resealing:
    """What seals a repository's contents anew over the ground."""
    database, vault = ground.database, Vault(ground.storage, ground.provider)
    stored = Blobs(database, ground.cache, vault, grace=settings.gc_grace)
    return Resealing(database, vault, stored, Uploads(database, vault))


def rekeyer_of(settings: Settings, ground: Ground) -> Rekeyer:
    """What moves repositories to another key over the ground."""
    return Rekeyer(ground.database, resealing_of(settings, ground))


def access_of(settings: Settings, ground: Ground, repositories: Repositories) -> Access:
    """What decides, and has the audit log record it."""
    record = ground.audit.record if ground.audit is not None else no_record
    registries = Registries(ground.database, ground.cache)
    tags = ResourceTags(ground.database)
    keys = KeyGuards(ground.keys.ring, grants_of(ground))
    guards = Guards(
        ground.cache,
        repositories,
        registries,
        ground.directory,
        tags,
        keys=keys,
        others=guards_of(ground),
    )
    return Access(guards, record, settings.region)


def gates_of(ground: Ground) -> Gates:
    """Which images may not be pulled."""
    return Gates(ground.database, ground.cache)


def ecr_stores(settings: Settings, ground: Ground, gated: Count = uncounted_gates) -> EcrStores:
    """What ECR's operations work on, and the OCI protocol too; `gated` counts refusals."""
    database, vault = ground.database, Vault(ground.storage, ground.provider)
    repositories = repositories_of(settings, ground)
    blobs = Blobs(database, ground.cache, vault, grace=settings.gc_grace)
    uploads = Uploads(database, vault)
    removal = removal_of(settings)
    images = Images(
        database,
        ground.cache,
        vault,
        removal=removal,
        sparse=settings.sparse_manifests,
        pushed=queue.pushed,
    )
    tokens = tokens_of(ground)
    deletions = deletions_of(settings, ground)
    access = access_of(settings, ground, repositories)
    vex, gates = vex_of(ground, images, blobs), gates_of(ground)
    scans = Scans(database, vault, Reports(vault), vex)
    knowledge = Knowledge(images, scans, Signatures(database, images, blobs))
    templates = Templates(database, repositories)
    return EcrStores(
        registries=Registries(database, ground.cache),
        repositories=repositories,
        settings=RepositorySettings(database),
        templates=templates,
        images=images,
        pulls=ground.pulls,
        deletions=deletions,
        lifecycle=lifecycle_stores(settings, ground, repositories, deletions),
        pull_exclusions=PullExclusions(database, ground.cache),
        storage_classes=StorageClasses(database),
        signing=SigningConfigurations(database),
        signings=Signings(database),
        tags_of=TagsOf(database),
        blobs=blobs,
        uploads=uploads,
        layers=Layers(database, uploads, blobs, images),
        downloads=Downloads(ground.keys.secret("download links"), tokens),
        tokens=tokens,
        access=access,
        key_use=KeyUse(ground.provider, access),
        statuses=Statuses(database),
        backfills=Backfills(database),
        scans=scans,
        vex=vex,
        gates=gates,
        doors=Doors(
            database,
            ground.cache,
            gates,
            knowledge,
            access,
            count=gated,
            tell=Tellings(database).tell,
        ),
        caching=caching_of(
            settings,
            ground,
            repositories=repositories,
            templates=templates,
            uploads=uploads,
            blobs=blobs,
            removal=removal,
        ),
        asking=Asking(database, settings.scan_daily_limit),
        scan_duration=settings.scan_duration,
    )


def orders_of(ground: Ground, stores: EcrStores) -> Orders:
    """What copies and moves images; a copy is a push to its target."""
    copier = Copier(ground.database, stores.images, stores.blobs, stores.uploads, "copy")
    return Orders(stores.images, copier, stores.deletions)


def replicator_of(
    settings: Settings,
    ground: Ground,
    stores: EcrStores,
    count: Callable[[str], None] = uncounted,
) -> Replicator:
    """What replicates; what it brings is not replicated once more."""
    database, vault = ground.database, Vault(ground.storage, ground.provider)
    removal = replace(removal_of(settings), deleted=nothing_more)
    images = Images(
        database, ground.cache, vault, removal=removal, sparse=settings.sparse_manifests
    )
    sender = Sender(
        stores.repositories,
        stores.templates,
        Copier(database, images, stores.blobs, stores.uploads, "replication"),
        Deletions(database, removal),
        access=stores.access,
        regions=settings.all_regions,
    )
    return Replicator(database, Pieces(database, sender, count), stores.backfills)


def undelete_of(ground: Ground) -> Undelete:
    """What brings back; what comes back is replicated as what is pushed."""
    return Undelete(ground.database, queue.restored)
