from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from starlette.types import Message

from registry.app import create
from registry.domain.identities.accounts import NewKey
from registry.domain.identities.users import AccessKeys
from registry.ground import lay_ground
from registry.setup import prepare, write_credentials
from registry.values.errors import KeyUnavailable, NotFound
from tests.application import (
    ACCOUNT,
    Loop,
    copied,
    open_registry,
    prepared,
    settings_in,
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return prepared(tmp_path / "data")


def test_each_wire_has_its_paths(data: Path) -> None:
    loop = Loop()
    registry = open_registry(settings_in(data), loop)
    with registry.http() as client:
        assert client.get("/healthz").status_code == 200
        assert "moorage_http_requests_total" in client.get("/metrics").text
        assert client.get("/v2/").json() == {}
        assert client.get("/v2x").status_code == 404
        assert client.get("/none").status_code == 404
        assert client.put("/").status_code == 405
    registry.close()
    loop.close()


def test_health_names_what_is_wrong(data: Path) -> None:
    loop = Loop()
    registry = open_registry(settings_in(data), loop)
    (data / "keyring.json").unlink()
    with registry.anyone() as client:
        answer = client.get("/healthz")
        assert answer.status_code == 503
        assert "keyring" in answer.text
    registry.close()
    loop.close()


@pytest.mark.usefixtures("logging_as_before")
def test_a_worker_starts_and_ends_by_lifespan(data: Path) -> None:
    app = create(settings_in(data).dump())
    sent: list[str] = []

    async def live() -> None:
        stop = asyncio.Event()
        messages = iter(["lifespan.startup", "lifespan.shutdown"])

        async def receive() -> Message:
            return {"type": next(messages)}

        async def send(message: Message) -> None:
            sent.append(message["type"])
            stop.set()

        await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
        assert stop.is_set()

    asyncio.run(live())
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_the_first_administrator_is_made_once(data: Path) -> None:
    ground = lay_ground(settings_in(data))
    kept: list[NewKey] = []
    assert ground.accounts.bootstrap(ACCOUNT, kept.append) is None
    other = ground.accounts.bootstrap("111122223333", kept.append)
    assert kept == [other]
    keys = AccessKeys(ground.database, ground.secrets)
    with pytest.raises(NotFound, match="AKIANONE"):
        keys.set_active(ACCOUNT, "admin", "AKIANONE", active=False)
    ground.close()


def test_a_key_that_cannot_be_written_down_is_not_made(tmp_path: Path, data: Path) -> None:
    ground = lay_ground(settings_in(data))

    def fail(_key: NewKey) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        ground.accounts.bootstrap("111122223333", fail)
    assert ground.directory.user_named("111122223333", "admin") is None
    ground.close()


def test_credentials_are_replaced_whole(tmp_path: Path, data: Path) -> None:
    ground = lay_ground(settings_in(data))
    user = ground.directory.user_named(ACCOUNT, "admin")
    assert user is not None
    key = ground.accounts.new_key(user.id, user.name, lambda _key: None)
    write_credentials(data / "credentials", key)
    text = (data / "credentials").read_text()
    assert text.count("\n") == 3
    assert key.secret in text
    assert not (data / "credentials.new").exists()
    assert key.secret not in repr(key)
    ground.close()


def test_data_without_its_keyring_is_not_served(data: Path) -> None:
    settings = settings_in(data)
    settings.keyring_path.unlink()
    with pytest.raises(KeyUnavailable):
        prepare(settings)
    assert not settings.keyring_path.exists()
    with pytest.raises(KeyUnavailable):
        lay_ground(settings)


def test_a_copied_directory_is_a_registry_of_its_own(tmp_path: Path, data: Path) -> None:
    loop = Loop()
    one = open_registry(settings_in(data), loop)
    two = open_registry(settings_in(copied(data, tmp_path / "copy")), loop)
    one.create("team/app")
    assert [row[3] for row in one.rows()["repositories"]] == ["team/app"]
    assert two.rows()["repositories"] == []
    for registry in (one, two):
        registry.close()
    loop.close()
