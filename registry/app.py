"""Puts everything together: the only place that knows all floors.

Everything is passed in constructors; nothing is global. `create` is what each worker calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Route

from registry.aws.constraints import invalid_parameter
from registry.aws.context import Caller, Context
from registry.aws.gateway import Gateway
from registry.aws.sigv4 import SigningCredential
from registry.config import Settings
from registry.database.database import Cache, Database
from registry.domain.access import Access, Circumstances
from registry.domain.blobs import Blobs
from registry.domain.identities import AccessKey, Identities
from registry.domain.images import Images
from registry.domain.pages import Pages
from registry.domain.repositories import Repositories
from registry.domain.tokens import Tokens
from registry.domain.uploads import Uploads
from registry.domain.vault import Vault
from registry.ecr.errors import service_error
from registry.ecr.images import ImageOperations
from registry.ecr.repositories import RepositoryOperations
from registry.ecr.service import ecr
from registry.ecr.tokens import TokenOperations
from registry.http.logs import configure_logging
from registry.http.metrics import Metrics
from registry.http.observe import Observe
from registry.http.operations import exposition, healthz
from registry.keys.local import LocalKeyring
from registry.oci.app import OciApp
from registry.oci.blobs import BlobEndpoints
from registry.oci.listing import ListingEndpoints
from registry.oci.manifests import ManifestEndpoints
from registry.oci.routes import table
from registry.oci.uploads import UploadEndpoints
from registry.storage.filesystem import FilesystemDriver
from registry.storage.s3 import S3Driver
from registry.storage.s3_client import s3_client
from registry.sts.service import GLOBAL_REGION, IdentityOperations, sts
from registry.values.errors import ObjectNotFound, Unavailable
from registry.values.scope import Scope

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
    identities: Identities

    def close(self) -> None:
        """Let go of the database."""
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
    identities = Identities(database, cache, keys.secret("access keys"))
    return Ground(database, cache, keys, storage_driver(settings), identities)


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


def build(settings: Settings, ground: Ground) -> ASGIApp:
    """Wire the domain and the wires over the ground."""
    keys, database, cache = ground.keys, ground.database, ground.cache
    vault = Vault(ground.storage, keys)
    repositories = Repositories(database, cache, vault, keys, encrypted=settings.encryption)
    blobs = Blobs(database, cache, vault)
    images = Images(database, cache, vault, sparse=settings.sparse_manifests)
    tokens = Tokens(keys.secret("authorization tokens"), ground.identities)
    pages = Pages(keys.secret("pagination tokens"))
    access = Access()
    oci = OciApp(
        table(
            ListingEndpoints(repositories, images, create_on_push=settings.create_on_push),
            BlobEndpoints(repositories, blobs),
            UploadEndpoints(repositories, Uploads(database, vault), blobs, access),
            ManifestEndpoints(repositories, images),
        ),
        tokens=tokens,
        access=access,
        repositories=repositories,
        scope=Scope(settings.account, settings.region),
        create_on_push=settings.create_on_push,
    )
    gateway = Gateway(
        [
            ecr.bind(
                RepositoryOperations(repositories, pages),
                ImageOperations(repositories, images, pages),
                TokenOperations(tokens),
                errors=service_error,
                invalid=invalid_parameter,
            ),
            sts.bind(IdentityOperations(), global_region=GLOBAL_REGION),
        ],
        SigningKeys(ground.identities),
        Authorizer(access),
        region=settings.region,
    )
    metrics = Metrics()
    return Observe(Front(oci, gateway, operations(ground, metrics)), metrics)


class Front:
    """Which wire a request is for, by its path."""

    def __init__(self, oci: ASGIApp, gateway: ASGIApp, rest: ASGIApp) -> None:
        self._oci = oci
        self._gateway = gateway
        self._rest = rest

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        path: str = scope.get("path", "")
        if scope["type"] != "http":
            app = self._rest
        elif path == "/v2" or path.startswith("/v2/"):
            app = self._oci
        else:
            app = self._gateway if path == "/" else self._rest
        await app(scope, receive, send)


class SigningKeys:
    """Access keys, as the signature check asks for them."""

    def __init__(self, identities: Identities) -> None:
        self._identities = identities

    def find(self, access_key_id: str, session_token: str | None) -> SigningCredential | None:
        """The key, if it and its user are active. Long-lived keys have no session token."""
        key = self._identities.access_key(access_key_id)
        if key is None or session_token is not None:
            return None
        caller = Caller(key.user.arn, key.user.account, key.user.id, identity=key)
        return SigningCredential(key.secret, caller)


class Authorizer:
    """The gateway's question, put to the domain."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def __call__(self, context: Context, actions: Sequence[str], resources: Sequence[str]) -> None:
        """Raise Denied unless all actions are allowed on all resources."""
        key = context.caller.identity
        assert isinstance(key, AccessKey)  # noqa: S101 - what SigningKeys attaches
        circumstances = Circumstances(context.source_ip, context.secure, context.user_agent)
        for resource in resources:
            self._access.require(key.user, tuple(actions), resource, circumstances)


def operations(ground: Ground, metrics: Metrics) -> Starlette:
    """What an operator asks: health and metrics; and the application's life."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        purging = asyncio.create_task(_purge(ground.keys))
        yield
        purging.cancel()
        with suppress(asyncio.CancelledError):
            await purging
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


async def _purge(keys: LocalKeyring) -> None:
    while True:
        with suppress(Unavailable):
            await asyncio.to_thread(keys.purge)
        await asyncio.sleep(PURGE_SECONDS)


def _ask_database(database: Database) -> None:
    with database.read() as connection:
        connection.exec_driver_sql("SELECT 1")


def _ask_storage(storage: Driver) -> None:
    with suppress(ObjectNotFound):
        storage.stat("health/check")


def _ask_keyring(keys: LocalKeyring) -> None:
    keys.list()
