"""Puts everything together: the only place that knows all floors.

Everything is passed in constructors; nothing is global. `create` is what each worker calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Route

from registry.aws.gateway import Gateway
from registry.background import repeated
from registry.callers import Authorizer, Refusals, SigningKeys
from registry.collection import Collection
from registry.config import Settings
from registry.database.database import Cache, Database
from registry.domain.access import Access, no_record
from registry.domain.audit import AuditLog
from registry.domain.blobs import Blobs
from registry.domain.deletions import Deletions
from registry.domain.downloads import Downloads
from registry.domain.garbage import Garbage
from registry.domain.guards import Guards
from registry.domain.identities.accounts import Accounts
from registry.domain.identities.directory import Directory
from registry.domain.identities.groups import Groups
from registry.domain.identities.holdings import Holdings
from registry.domain.identities.policies import Policies
from registry.domain.identities.resource_tags import ResourceTags
from registry.domain.identities.robots import Robots
from registry.domain.identities.roles import Profiles, Roles
from registry.domain.identities.secrets import Secrets
from registry.domain.identities.sessions import Sessions
from registry.domain.identities.usage import PolicyUsage
from registry.domain.identities.users import AccessKeys, Users
from registry.domain.images import Images
from registry.domain.layers import Layers
from registry.domain.pages import Pages
from registry.domain.pulls import SECONDS as PULLS_SECONDS
from registry.domain.pulls import Pulls
from registry.domain.registries import Registries
from registry.domain.repositories import Repositories
from registry.domain.repository_settings import RepositorySettings
from registry.domain.tagged import TagsOf
from registry.domain.templates import Templates
from registry.domain.tokens import Tokens
from registry.domain.uploads import Uploads
from registry.domain.vault import Vault
from registry.ecr.binding import Stores as EcrStores
from registry.ecr.binding import bound_ecr
from registry.http.logs import configure_logging
from registry.http.metrics import Metrics
from registry.http.observe import Observe
from registry.http.operations import exposition, healthz
from registry.iam.binding import bound_iam
from registry.iam.service import Stores
from registry.keys.local import LocalKeyring
from registry.oci.app import OciApp
from registry.oci.blobs import BlobEndpoints
from registry.oci.downloads import DownloadApp
from registry.oci.listing import ListingEndpoints
from registry.oci.manifests import ManifestEndpoints
from registry.oci.routes import table
from registry.oci.uploads import UploadEndpoints
from registry.storage.filesystem import FilesystemDriver
from registry.storage.s3 import S3Driver
from registry.storage.s3_client import s3_client
from registry.sts.operations import SessionOperations
from registry.sts.service import GLOBAL_REGION, IdentityOperations, sts
from registry.values.errors import ObjectNotFound, Unavailable

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Send
    from starlette.types import Scope as AsgiScope

    from registry.storage.driver import Driver

PURGE_SECONDS = 3600.0
"""How often keys whose deletion date has come are destroyed."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What lies below the domain."""

    database: Database
    cache: Cache
    keys: LocalKeyring
    storage: Driver
    secrets: Secrets
    directory: Directory
    sessions: Sessions
    robots: Robots
    accounts: Accounts
    pulls: Pulls
    audit: AuditLog | None
    """None where the settings turn it off."""

    def close(self) -> None:
        """Write what waits for it, and let go of the database."""
        if self.audit is not None:
            self.audit.close()
        with suppress(Unavailable):
            self.pulls.flush(everything=True)
        self.cache.close()
        self.database.close()


def create(argument: str) -> ASGIApp:
    """The application of one worker, from the settings as JSON."""
    settings = Settings.load(argument)
    configure_logging(settings.log_level, settings.log_format)
    return build(settings, lay_ground(settings))


def lay_ground(settings: Settings) -> Ground:
    """Open database, keyring and storage in a directory that `setup.prepare` has prepared."""
    database = Database(settings.data / "moorage.db")
    cache = Cache(database)
    keys = LocalKeyring(settings.keyring_path, settings.account, settings.region, create=False)
    secrets = Secrets(keys.secret("access keys"))
    directory = Directory(database, cache, secrets)
    return Ground(
        database=database,
        cache=cache,
        keys=keys,
        storage=storage_driver(settings),
        secrets=secrets,
        directory=directory,
        sessions=Sessions(keys.secret("session tokens"), directory),
        robots=Robots(database, cache, directory, allowed=settings.robot_tokens),
        accounts=Accounts(database, secrets),
        pulls=Pulls(database),
        audit=AuditLog(settings.audit_path, settings.audit_days) if settings.audit else None,
    )


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


def repositories_of(settings: Settings, ground: Ground) -> Repositories:
    """The repositories over the ground."""
    vault = Vault(ground.storage, ground.keys)
    return Repositories(
        ground.database, ground.cache, vault, ground.keys, encrypted=settings.encryption
    )


def garbage_of(settings: Settings, ground: Ground) -> Garbage:
    """What collects garbage over the ground."""
    vault = Vault(ground.storage, ground.keys)
    return Garbage(
        ground.database,
        vault,
        ground.storage,
        grace=settings.gc_grace,
        expiry=settings.upload_expiry,
    )


def access_of(settings: Settings, ground: Ground, repositories: Repositories) -> Access:
    """What decides, and has the audit log record it."""
    record = ground.audit.record if ground.audit is not None else no_record
    registries = Registries(ground.database, ground.cache)
    tags = ResourceTags(ground.database)
    guards = Guards(ground.cache, repositories, registries, ground.directory, tags)
    return Access(guards, record, settings.region)


def storage_driver(settings: Settings) -> FilesystemDriver | S3Driver:
    """The driver for the bytes, before encryption."""
    if settings.storage == "disk":
        return FilesystemDriver(settings.data / "storage")
    client = s3_client(
        endpoint=settings.s3_endpoint,
        region=settings.s3_region,
        path_style=settings.s3_path_style,
    )
    return S3Driver(
        client,
        settings.s3_bucket or "",
        settings.s3_prefix.strip("/"),
        spool=settings.data / "spool",
    )


def ecr_stores(settings: Settings, ground: Ground) -> EcrStores:
    """What ECR's operations work on, and the OCI protocol too."""
    database, vault = ground.database, Vault(ground.storage, ground.keys)
    repositories = repositories_of(settings, ground)
    blobs = Blobs(database, ground.cache, vault, grace=settings.gc_grace)
    uploads = Uploads(database, vault)
    images = Images(database, ground.cache, vault, sparse=settings.sparse_manifests)
    tokens = tokens_of(ground)
    return EcrStores(
        registries=Registries(database, ground.cache),
        repositories=repositories,
        settings=RepositorySettings(database),
        templates=Templates(database, repositories),
        images=images,
        pulls=ground.pulls,
        deletions=Deletions(database),
        tags_of=TagsOf(database),
        blobs=blobs,
        uploads=uploads,
        layers=Layers(database, uploads, blobs, images),
        downloads=Downloads(ground.keys.secret("download links"), tokens),
        tokens=tokens,
        access=access_of(settings, ground, repositories),
    )


def build(settings: Settings, ground: Ground) -> ASGIApp:
    """Wire the domain and the wires over the ground."""
    stores = ecr_stores(settings, ground)
    repositories, access = stores.repositories, stores.access
    blobs = BlobEndpoints(repositories, stores.blobs)
    pages = Pages(ground.keys.secret("pagination tokens"))
    oci = OciApp(
        table(
            ListingEndpoints(repositories, stores.images, create_on_push=settings.create_on_push),
            blobs,
            UploadEndpoints(
                repositories, stores.uploads, stores.blobs, access, stores.registries.mounts
            ),
            ManifestEndpoints(repositories, stores.images, stores.pulls),
        ),
        tokens=stores.tokens,
        access=access,
        repositories=repositories,
        hosts=settings.hosts,
        tags_of=stores.tags_of,
        create_on_push=stores.templates.create_on_push if settings.create_on_push else None,
    )
    sessions = SessionOperations(ground.directory, ground.sessions, access)
    gateway = Gateway(
        [
            bound_ecr(stores, pages, settings.hosts),
            sts.bind(IdentityOperations(), sessions, global_region=GLOBAL_REGION),
            bound_iam(stores_of(ground), pages),
        ],
        SigningKeys(ground.directory, ground.sessions),
        Authorizer(access),
        regions=settings.all_regions,
        refused=Refusals(access),
    )
    downloads = DownloadApp(stores.downloads, access, repositories, blobs)
    metrics = Metrics()
    collection = Collection(garbage_of(settings, ground), metrics, settings.gc_grace)
    rest = operations(ground, metrics, collection)
    return Observe(Front(oci, downloads, gateway, rest), metrics)


class Front:
    """Which wire a request is for, by its path."""

    def __init__(self, oci: ASGIApp, downloads: ASGIApp, gateway: ASGIApp, rest: ASGIApp) -> None:
        self._oci = oci
        self._downloads = downloads
        self._gateway = gateway
        self._rest = rest

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        path: str = scope.get("path", "")
        if scope["type"] != "http":
            app = self._rest
        elif path == "/v2" or path.startswith("/v2/"):
            app = self._oci
        elif path.startswith("/layers/"):
            app = self._downloads
        else:
            app = self._gateway if path == "/" else self._rest
        await app(scope, receive, send)


def operations(ground: Ground, metrics: Metrics, collection: Collection) -> Starlette:
    """What an operator asks: health and metrics; and the application's life."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        if ground.audit is not None:
            ground.audit.start(metrics.audit_lost)
        tasks = (
            asyncio.create_task(_repeat(ground.keys.purge, PURGE_SECONDS)),
            asyncio.create_task(_repeat(ground.pulls.flush, PULLS_SECONDS)),
        )
        async with repeated("moorage-garbage", collection.run, collection.seconds):
            yield
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        ground.close()

    checks = {
        "database": lambda: _ask_database(ground.database),
        "storage": lambda: _ask_storage(ground.storage),
        "keyring": lambda: _ask_keyring(ground.keys),
    }
    return Starlette(
        routes=[
            Route("/healthz", healthz(checks)),
            Route("/metrics", exposition(metrics)),
        ],
        lifespan=lifespan,
    )


async def _repeat(work: Callable[[], object], seconds: float) -> None:
    """Do it now and every so often, whatever does not answer at times."""
    while True:
        with suppress(Unavailable):
            await asyncio.to_thread(work)
        await asyncio.sleep(seconds)


def _ask_database(database: Database) -> None:
    with database.read() as connection:
        connection.exec_driver_sql("SELECT 1")


def _ask_storage(storage: Driver) -> None:
    with suppress(ObjectNotFound):
        storage.stat("health/check")


def _ask_keyring(keys: LocalKeyring) -> None:
    keys.list()
