"""Puts everything together: the only place that knows all floors.

Everything is passed in constructors; nothing is global. `create` is what each worker calls.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Route

from registry.api.app import Api
from registry.api.copying import CopyEndpoint
from registry.api.event_targets import EventTargetEndpoints
from registry.api.gates import GateEndpoints
from registry.api.passwords import Passwords
from registry.api.scans import ScanEndpoints
from registry.api.uses import UseEndpoints
from registry.api.vex import VexEndpoints
from registry.aws.gateway import Gateway
from registry.aws.pages import Pages
from registry.background import Work, repeated
from registry.callers import Authorizer, LoginPasswords, Refusals, SigningKeys
from registry.collection import Collection
from registry.companions import companion_works, companions
from registry.config import Settings
from registry.containers import container_work, sessions_of
from registry.database.database import Database
from registry.delivery import delivery_of
from registry.domain.pulls import SECONDS as PULLS_SECONDS
from registry.domain.pulls import TELL_SECONDS as PULL_EVENTS_SECONDS
from registry.domain.replication.replicator import SECONDS as REPLICATION_SECONDS
from registry.domain.scanning.settings import RepositoryScanSettings
from registry.domain.signing.signer import SECONDS as SIGNING_SECONDS
from registry.domain.vex.kept import VexDocuments
from registry.ecr.binding import bound_ecr
from registry.ecrpublic.binding import bound_ecr_public
from registry.ecs.binding import bound_ecs, ecs_stores
from registry.ecs.sessions.serving import PATH as SESSIONS
from registry.ground import Ground, lay_ground
from registry.http.logs import configure_logging
from registry.http.metrics import Metrics
from registry.http.observe import Observe
from registry.http.operations import exposition, healthz
from registry.iam.binding import bound_iam
from registry.keeping import keeping_routes
from registry.keys.aws import REFRESH_SECONDS
from registry.keys.local import LocalKeyring
from registry.kms.binding import bound_kms
from registry.kms.service import Stores as KmsStores
from registry.lifecycling import PREVIEW_SECONDS, Lifecycling
from registry.lifecycling import SECONDS as LIFECYCLE_SECONDS
from registry.measuring import SECONDS as MEASURING_SECONDS
from registry.measuring import Measuring
from registry.moves import SECONDS as MOVES_SECONDS
from registry.moves import Moves
from registry.oci.app import OciApp
from registry.oci.bearer import TokenApp
from registry.oci.cached import CachedBlobs, CachedManifests
from registry.oci.downloads import DownloadApp
from registry.oci.listing import ListingEndpoints
from registry.oci.routes import table
from registry.oci.scanner import ScannerDoor
from registry.oci.uploads import UploadEndpoints
from registry.public import gallery_of, public_stores
from registry.scanning import following_works, passes_of, scan_works, shelved
from registry.signing import signer_of
from registry.stores import (
    attachments_of,
    ecr_stores,
    event_queue_of,
    event_targets_of,
    garbage_of,
    grants_of,
    orders_of,
    rekeyer_of,
    replicator_of,
    report_writer_of,
    scanner_of,
    stores_of,
)
from registry.sts.operations import SessionOperations
from registry.sts.service import GLOBAL_REGION, IdentityOperations, sts
from registry.values.errors import ObjectNotFound

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Send
    from starlette.types import Scope as AsgiScope

    from registry.ecr.binding import Stores as EcrStores
    from registry.storage.driver import Driver

PURGE_SECONDS = 600.0
"""How often keys are rotated or destroyed whose date has come."""


def create(argument: str) -> ASGIApp:
    """The application of one worker, from the settings as JSON."""
    settings = Settings.load(argument)
    configure_logging(settings.log_level, settings.log_format)
    return build(settings, lay_ground(settings))


def build(settings: Settings, ground: Ground) -> ASGIApp:
    """Wire the domain and the wires over the ground."""
    metrics = Metrics()
    stores = ecr_stores(settings, ground, metrics.gated)
    repositories, access = stores.repositories, stores.access
    public = public_stores(settings, ground, stores)
    caching = stores.caching
    blobs = CachedBlobs(repositories, stores.blobs, stores.doors, caching.fetches)
    pages = Pages(ground.keys.secret("pagination tokens"))
    oci = OciApp(
        table(
            ListingEndpoints(repositories, stores.images, create_on_push=settings.create_on_push),
            blobs,
            UploadEndpoints(
                repositories,
                stores.uploads,
                stores.blobs,
                access,
                stores.doors,
                mounts=stores.registries.mounts,
            ),
            CachedManifests(
                repositories,
                stores.images,
                stores.pulls,
                stores.doors,
                caching.imports,
                access=access,
                remote=ground.provider.remote,
            ),
        ),
        tokens=stores.tokens,
        access=access,
        repositories=repositories,
        addresses=public.addresses,
        tags_of=stores.tags_of,
        mirrors=caching.mirrors,
        create_on_push=stores.templates.create_on_push if settings.create_on_push else None,
        scanner=ScannerDoor(passes_of(ground), stores.images, repositories, access),
    )
    sessions = SessionOperations(ground.directory, ground.sessions, access)
    gateway = Gateway(
        [
            bound_ecr(stores, pages, settings.hosts),
            bound_ecr_public(public, pages),
            sts.bind(IdentityOperations(), sessions, global_region=GLOBAL_REGION),
            bound_iam(stores_of(ground), pages),
            bound_kms(KmsStores(ground.keys, grants_of(ground), access), pages),
            *companions(settings, ground, access, pages),
            bound_ecs(ecs_stores(ground.ecs), pages),
        ],
        SigningKeys(ground.directory, ground.sessions, ground.services),
        Authorizer(access),
        regions=settings.all_regions,
        refused=Refusals(access),
    )
    copying = CopyEndpoint(
        repositories,
        stores.templates,
        orders_of(ground, stores),
        access,
        stores.doors,
        pages=pages,
        regions=settings.all_regions,
    )
    event_targets = EventTargetEndpoints(
        event_targets_of(ground), event_queue_of(settings, ground), pages
    )
    gates = GateEndpoints(stores.gates, stores.doors, repositories, stores.images)
    writer = report_writer_of(settings, stores)
    scan_reports = ScanEndpoints(repositories, writer, attachments_of(stores, writer))
    api = Api(
        [
            copying.route,
            *gates.routes,
            *event_targets.routes,
            *UseEndpoints(stores.lifecycle.uses).routes,
            *scan_reports.routes,
            *vex_endpoints_of(ground, stores).routes,
            *keeping_routes(settings, ground, repositories, stores.key_use, pages),
        ],
        SigningKeys(ground.directory, ground.sessions, ground.services),
        Authorizer(access),
        regions=settings.all_regions,
        refused=Refusals(access),
        passwords=Passwords(LoginPasswords(stores.tokens), settings.hosts),
    )
    downloads = DownloadApp(stores.downloads, access, repositories, blobs)
    rest = operations(ground, metrics, works(settings, ground, stores, metrics))
    below: dict[str, ASGIApp] = {
        "v2": oci,
        "layers": downloads,
        "api": api,
        "token": TokenApp(stores.tokens, access, public.addresses),
        "gallery": gallery_of(public, stores, pages),
    }
    return Observe(Front(below, gateway, rest, sessions_of(settings, ground)), metrics)


def vex_endpoints_of(ground: Ground, stores: EcrStores) -> VexEndpoints:
    """What is said of findings, and what is set for scans."""
    documents = VexDocuments(ground.database)
    settings = RepositoryScanSettings(ground.database)
    return VexEndpoints(stores.repositories, stores.images, documents, stores.vex, settings)


class Front:
    """Which wire a request is for, by its path."""

    def __init__(
        self,
        below: Mapping[str, ASGIApp],
        gateway: ASGIApp,
        rest: ASGIApp,
        sessions: ASGIApp,
    ) -> None:
        """`below` has what serves all paths that begin with that part; the gateway is at `/`,
        `sessions` takes the WebSockets of ExecuteCommand."""
        self._sessions = sessions
        self._below = below
        self._gateway = gateway
        self._rest = rest

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        path: str = scope.get("path", "")
        first = path.partition("/")[2].partition("/")[0].removesuffix(".json")
        if scope["type"] == "websocket":
            app = self._sessions if path.startswith(SESSIONS) else self._rest
        elif scope["type"] != "http":
            app = self._rest
        else:
            app = self._gateway if path == "/" else self._below.get(first, self._rest)
        await app(scope, receive, send)


def works(settings: Settings, ground: Ground, stores: EcrStores, metrics: Metrics) -> list[Work]:
    """What each worker does beside answering; what only one may do at a time sees to it itself."""
    delivery = delivery_of(settings, ground, metrics)
    collection = Collection(garbage_of(settings, ground), metrics, settings.gc_grace)
    aws = ground.aws
    lifecycling = Lifecycling(stores.lifecycle, metrics)
    scanner = shelved(settings, ground, stores, scanner_of(settings))
    replicator = replicator_of(settings, ground, stores, metrics.replicated)
    return [
        Work("keys", lambda _stop: tend(ground), PURGE_SECONDS),
        *([Work("kms", lambda _stop: aws.refresh(), REFRESH_SECONDS)] if aws else []),
        Work("pulls", lambda _stop: ground.pulls.flush(), PULLS_SECONDS),
        Work("garbage", collection.run, collection.seconds),
        Work("usage", Measuring(ground.database, metrics).run, MEASURING_SECONDS),
        Work("lifecycle", lifecycling.run, LIFECYCLE_SECONDS),
        Work("previews", lifecycling.preview, PREVIEW_SECONDS),
        Work("replication", replicator.run, REPLICATION_SECONDS),
        Work("signing", signer_of(ground, stores).run, SIGNING_SECONDS),
        Work("events", delivery.run, delivery.seconds),
        Work("pull-events", delivery.tell_pulls, PULL_EVENTS_SECONDS),
        Work("rekeying", Moves(rekeyer_of(settings, ground)).run, MOVES_SECONDS),
        *scan_works(settings, ground, stores, metrics, scanner),
        container_work(settings, ground),
        *following_works(settings, ground, stores, report_writer_of(settings, stores)),
        *companion_works(ground),
    ]


def tend(ground: Ground) -> None:
    """Rotate the keys that are due, and destroy those whose deletion date has come.

    Any process may do it at any time: the keyring's lock lets one do it.
    """
    ground.keys.rotate_due()
    ground.keys.purge()
    grants_of(ground).keep([key.key_id for key in ground.keys.ring().keys])


def operations(ground: Ground, metrics: Metrics, beside: list[Work]) -> Starlette:
    """What an operator asks: health and metrics; and the application's life."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        if ground.audit is not None:
            ground.audit.start(metrics.audit_lost)
        async with AsyncExitStack() as stack:
            for work in beside:
                await stack.enter_async_context(repeated(work))
            yield
        ground.close()

    checks = {
        "database": lambda: _ask_database(ground.database),
        "storage": lambda: _ask_storage(ground.storage),
        "keyring": lambda: _ask_keyring(ground.keys),
    }
    app = Starlette(
        routes=[
            Route("/healthz", healthz(checks)),
            Route("/metrics", exposition(metrics)),
        ],
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # a path is served, or it is not
    return app


def _ask_database(database: Database) -> None:
    with database.read() as connection:
        connection.exec_driver_sql("SELECT 1")


def _ask_storage(storage: Driver) -> None:
    with suppress(ObjectNotFound):
        storage.stat("health/check")


def _ask_keyring(keys: LocalKeyring) -> None:
    keys.list()
