"""The whole application in this process, on a directory of its own, driven without sockets.

Everything is what `moorage serve` builds; only the server below ASGI is left out. Requests of
several threads run at once on one event loop, as they do in a worker.
"""

from __future__ import annotations

import asyncio
import base64
import configparser
import json
import shutil
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

import boto3
import botocore.session
import httpx
import pytest
import sqlalchemy as sa
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.loaders import Loader

from registry.app import build
from registry.config import Settings
from registry.database.schema import accounts, inline_policies, metadata
from registry.domain.blobs import Blobs
from registry.domain.identities.accounts import insert_key, insert_user
from registry.domain.identities.directory import AccessKey
from registry.domain.identities.identity import Credential
from registry.domain.identities.users import AccessKeys, Users
from registry.domain.images import Images
from registry.domain.logs.tables import metadata as log_metadata
from registry.domain.repositories import Repositories, Repository
from registry.domain.uploads import Uploads
from registry.domain.vault import Vault
from registry.ecr.binding import Stores as EcrStores
from registry.ground import Ground, lay_ground
from registry.setup import prepare
from registry.storage.driver import Driver
from registry.stores import ecr_stores, removal_of, tokens_of
from registry.values.digest import Digest
from registry.values.scope import Scope
from tests.http.asgi import Sent, receiving

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest
    from types_boto3_ecr.client import ECRClient
    from types_boto3_sts.client import STSClient

    from tests.images import Image

T = TypeVar("T")
ACCOUNT, REGION = "123456789012", "us-east-1"
SCOPE = Scope(ACCOUNT, REGION)
HOST = "registry.test:5000"
URL = f"http://{HOST}"
SECONDS = 60


def allow(*actions: str, resource: str = "*", effect: str = "Allow") -> str:
    """An identity policy with one statement."""
    statement = {"Effect": effect, "Action": list(actions), "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def on(repository: str) -> str:
    """A repository's ARN."""
    return SCOPE.repository_arn(repository)


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns or raises."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS)

    def close(self) -> None:
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop.close()


class InProcess(httpx.BaseTransport):
    """Carries the requests of a synchronous client to an ASGI application."""

    def __init__(self, app: Any, loop: Loop) -> None:
        self._transport = httpx.ASGITransport(app, client=("192.0.2.7", 1234))
        self._loop = loop

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._loop.run(self._handle(request))

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        copy = httpx.Request(
            request.method, request.url, headers=request.headers, content=request.read()
        )
        answer = await self._transport.handle_async_request(copy)
        content = await answer.aread()
        return httpx.Response(answer.status_code, headers=answer.headers, content=content)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a raw request got."""

    status: int
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        """The one error of the envelope."""
        (found,) = json.loads(self.body)["errors"]
        return dict(found)


@dataclass(frozen=True)
class Registry:
    """One application on one data directory, as one worker holds it."""

    settings: Settings
    ground: Ground
    app: Any
    loop: Loop

    def close(self) -> None:
        self.ground.close()

    def beside(self, **changed: Any) -> Registry:
        """Another application on the same directory: another worker."""
        return open_registry(replace(self.settings, **changed), self.loop)

    def over(self, storage: Driver) -> Registry:
        """The same ground, but for what holds the bytes."""
        ground = replace(self.ground, storage=storage)
        return replace(self, ground=ground, app=build(self.settings, ground))

    # Who acts.

    @cached_property
    def admin(self) -> AccessKey:
        """The administrator's key, as the credentials file holds it."""
        parser = configparser.ConfigParser()
        parser.read(self.settings.data / "credentials")
        key = self.ground.directory.access_key(parser["default"]["aws_access_key_id"])
        assert key is not None
        assert key.secret == parser["default"]["aws_secret_access_key"]
        return key

    def user(self, name: str, *policies: str, account: str = ACCOUNT) -> AccessKey:
        """Another user with these policies, and a key."""
        ground = self.ground
        with ground.database.write() as connection:
            known = sa.select(accounts.c.id).where(accounts.c.id == account)
            if connection.execute(known).first() is None:
                now = datetime.now(UTC)
                connection.execute(sa.insert(accounts).values(id=account, created_at=now))
            user_id = insert_user(connection, account, name)
            for number, text in enumerate(policies):
                policy = {"owner_id": user_id, "name": f"policy-{number}", "document": text}
                connection.execute(sa.insert(inline_policies).values(policy))
            key = insert_key(connection, ground.secrets, user_id, name)
        return self.key(key.id)

    def key(self, key_id: str) -> AccessKey:
        """An active access key."""
        found = self.ground.directory.access_key(key_id)
        assert found is not None
        return found

    def set_user_active(self, key: AccessKey, *, active: bool) -> None:
        """Allow or end the user of a key."""
        users = Users(self.ground.database)
        users.set_active(key.user.account, key.user.name, active=active)

    def set_key_active(self, key: AccessKey, *, active: bool) -> None:
        """Allow or end a key."""
        keys = AccessKeys(self.ground.database, self.ground.secrets)
        keys.set_active(key.user.account, key.user.name, key.id, active=active)

    def token(self, key: AccessKey | None = None) -> str:
        """A password for docker."""
        key = key or self.admin
        return tokens_of(self.ground).issue(Credential(key.id)).password

    # Ways in.

    def http(self, key: AccessKey | None = None) -> httpx.Client:
        """A client with the key's token."""
        return self.anyone({"authorization": basic(self.token(key))})

    def anyone(self, headers: Mapping[str, str] | None = None) -> httpx.Client:
        """A client that sends these headers."""
        return httpx.Client(
            transport=InProcess(self.app, self.loop), base_url=URL, headers=headers or {}
        )

    def ecr(self, key: AccessKey | None = None) -> ECRClient:
        """A boto3 client, signing as it always does."""
        key = key or self.admin
        client: ECRClient = self.aws("ecr", key.id, key.secret)
        return client

    def sts(self, key: AccessKey | None = None) -> STSClient:
        key = key or self.admin
        client: STSClient = self.aws("sts", key.id, key.secret)
        return client

    def aws(self, service: str, key_id: str, secret: str, token: str | None = None) -> Any:
        """A boto3 client of any service, with any credentials."""
        core = botocore.session.Session()
        core.register_component("data_loader", _MODELS)
        session = boto3.Session(
            botocore_session=core,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            aws_session_token=token,
            region_name=REGION,
        )
        # The stubs have an overload for each service they were installed for, none for a name.
        make: Any = session.client
        client = make(service, endpoint_url=URL, config=_ONE_ATTEMPT)
        self._carry(client.meta.events, f"before-send.{service}")
        return client

    def raw(
        self,
        method: str,
        path: bytes,
        parts: Sequence[bytes] = (),
        *,
        hang_up: bool = False,
        key: AccessKey | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> Answer:
        """A request that no client would send: any bytes as its path, a body that ends early."""
        target, _, query = path.partition(b"?")
        scope = {
            "type": "http",
            "method": method,
            "path": unquote(target.decode("latin-1")),
            "raw_path": target,
            "query_string": query,
            "headers": [
                (b"host", HOST.encode()),
                (b"authorization", basic(self.token(key)).encode()),
                *headers,
            ],
            "scheme": "http",
            "client": ("192.0.2.7", 1234),
            "server": ("registry.test", 5000),
            "http_version": "1.1",
            "root_path": "",
        }
        sent = Sent()
        self.loop.run(self.app(scope, receiving(parts, hang_up=hang_up), sent))
        return Answer(sent.messages[0]["status"], sent.body)

    def _carry(self, events: Any, name: str) -> None:
        """Let botocore's requests end here; the stubs know no handler that answers."""
        events.register(name, self._answer)

    def _answer(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        assert isinstance(request.body, bytes | str)
        with self.anyone() as client:
            answer = client.request(
                request.method,
                request.url,
                headers={name: _text(value) for name, value in request.headers.items()},
                content=request.body,
            )
        headers = HTTPHeaders()
        for name, value in answer.headers.items():
            headers[name] = value
        return AWSResponse(request.url, answer.status_code, headers, _Raw(answer.content))

    # The domain, as `build` wires it.

    @cached_property
    def stores(self) -> EcrStores:
        return ecr_stores(self.settings, self.ground)

    @cached_property
    def vault(self) -> Vault:
        return Vault(self.ground.storage, self.ground.keys)

    @cached_property
    def repositories(self) -> Repositories:
        ground = self.ground
        removal = removal_of(self.settings)
        return Repositories(ground.database, ground.cache, self.vault, ground.keys, removal=removal)

    @cached_property
    def uploads(self) -> Uploads:
        return Uploads(self.ground.database, self.vault)

    @cached_property
    def blobs(self) -> Blobs:
        grace = self.settings.gc_grace
        return Blobs(self.ground.database, self.ground.cache, self.vault, grace=grace)

    @cached_property
    def images(self) -> Images:
        removal = removal_of(self.settings)
        return Images(self.ground.database, self.ground.cache, self.vault, removal=removal)

    def create(self, name: str, **options: Any) -> Repository:
        return self.repositories.create(SCOPE, name, **options)

    def hold(self, repository: str, image: Image, tag: str | None = None) -> None:
        """Store an image with all below it, without the wire."""
        target = self.repositories.get(SCOPE, repository)
        for child in image.children:
            self.hold(repository, child)
        for blob in image.blobs:
            self.hold_blob(target, blob.content)
        self.images.put(target, image.manifest, image.media_type, tag_names=[tag] if tag else [])

    def hold_blob(self, repository: Repository, content: bytes) -> None:
        upload = self.uploads.start(repository, "arn:test")
        self.uploads.append(repository, "arn:test", upload.id, [content])
        self.uploads.finish(repository, "arn:test", upload.id, Digest.of(content))

    # What is stored.

    def rows(self, *but: str) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table."""
        with self.ground.database.read() as connection:
            return {
                table.name: [tuple(row) for row in connection.execute(sa.select(table))]
                for table in metadata.sorted_tables
                if table.name not in but
            }

    def objects(self) -> set[str]:
        """Paths of all stored objects."""
        found = Path(self.settings.data / "storage")
        return {str(path.relative_to(found)) for path in found.rglob("*") if path.is_file()}

    def stored(self) -> tuple[dict[str, list[tuple[Any, ...]]], set[str]]:
        """Everything that is kept, to compare."""
        rows = self.rows()
        with self.ground.logs.read() as connection:
            for table in log_metadata.sorted_tables:
                rows[table.name] = [tuple(row) for row in connection.execute(sa.select(table))]
        return rows, self.objects()

    def check_whole(self) -> None:
        """Each blob row has its bytes, with its digest; each object has its row."""
        rows = self.rows()
        expected = set()
        for _, key_id, digest, size, name, _ in rows["blobs"]:
            parsed = Digest.parse(digest)
            path = f"blobs/{key_id}/{parsed.algorithm}/{parsed.hex[:2]}/{parsed.hex}/{name}"
            content = b"".join(bytes(part) for part in self.vault.driver(key_id).get(path))
            assert len(content) == size
            assert Digest.of(content, parsed.algorithm) == parsed
            expected.add(path)
        assert {path for path in self.objects() if path.startswith("blobs/")} == expected
        held = {row[1] for row in rows["links"]}
        assert held == {row[0] for row in rows["blobs"]}


@dataclass(frozen=True, slots=True)
class _Raw:
    """A body as botocore reads it."""

    content: bytes

    def stream(self, *_: object, **__: object) -> Sequence[bytes]:
        return [self.content]


_MODELS = Loader()
"""Reads each service's model once; a session of its own would read it again."""

_ONE_ATTEMPT = Config(retries={"total_max_attempts": 1}, parameter_validation=False)


def basic(password: str, username: str = "AWS") -> str:
    """The value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def settings_in(folder: Path, **changed: Any) -> Settings:
    return Settings(data=folder, account=ACCOUNT, region=REGION, **changed)


def prepared(folder: Path) -> Path:
    """A data directory after a first start."""
    folder.mkdir(mode=0o700)
    prepare(settings_in(folder))
    return folder


def open_registry(settings: Settings, loop: Loop) -> Registry:
    """The application on a prepared directory."""
    ground = lay_ground(settings)
    return Registry(settings, ground, build(settings, ground), loop)


def copied(template: Path, folder: Path) -> Path:
    """A prepared directory of one's own."""
    shutil.copytree(template, folder)
    return folder


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    running = Loop()
    yield running
    running.close()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory after its first start, to be copied."""
    return prepared(tmp_path_factory.mktemp("template") / "data")


OpenRegistry = Callable[..., Registry]
"""Opens an application with these settings on a directory of its own."""


@pytest.fixture
def open_one(tmp_path: Path, template: Path, loop: Loop) -> Iterator[OpenRegistry]:
    opened: list[Registry] = []

    def open_it(**settings: Any) -> Registry:
        folder = copied(template, tmp_path / f"data-{len(opened)}")
        opened.append(open_registry(settings_in(folder, **settings), loop))
        return opened[-1]

    yield open_it
    for registry in opened:
        registry.close()


@pytest.fixture
def registry(open_one: OpenRegistry) -> Registry:
    """An application with the default settings, fresh for one test."""
    return open_one()


@pytest.fixture
def client(registry: Registry) -> Iterator[httpx.Client]:
    """The administrator's docker."""
    with registry.http() as client:
        yield client
