"""The settings of the S3 client, and its failures as the law names them."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from registry.config import Settings, read
from registry.ground import storage_driver
from registry.storage.s3 import S3Driver
from registry.storage.s3_client import s3_client, s3_failures
from registry.values.errors import ObjectNotFound, ParameterInvalid, StorageFull, StorageUnavailable
from tests.storage.fault_proxy import FaultProxy

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_s3 import S3Client


def test_boto3_is_loaded_only_for_a_client() -> None:
    loaded = "import registry.storage.s3, sys; print('boto3' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


@pytest.fixture
def aimed_client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., S3Client]]:
    """Makes clients in an environment that points AWS tools at this registry."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:5000")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://localhost:5000")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from-the-environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    made: list[S3Client] = []

    def make(**settings: object) -> S3Client:
        made.append(s3_client(region="eu-central-1", **settings))  # type: ignore[arg-type] # any
        return made[-1]

    yield make
    for client in made:
        client.close()


def test_the_registry_never_becomes_its_own_store(
    aimed_client: Callable[..., S3Client],
) -> None:
    assert aimed_client().meta.endpoint_url == "https://s3.eu-central-1.amazonaws.com"
    assert aimed_client(endpoint="http://store:9000").meta.endpoint_url == "http://store:9000"


def test_addressing_and_keys(aimed_client: Callable[..., S3Client]) -> None:
    def url(**settings: object) -> str:
        client = aimed_client(**settings)
        return client.generate_presigned_url("get_object", Params={"Bucket": "bkt", "Key": "k"})

    assert url().startswith("https://bkt.s3.")
    assert "from-the-environment" in url()
    given = url(path_style=True, endpoint="http://store", access_key="given", secret_key="x")
    assert given.startswith("http://store/bkt/k?")
    assert "given" in given


def test_a_silent_store_is_given_up(aimed_client: Callable[..., S3Client], tmp_path: Path) -> None:
    """A socket to which one can connect, and that nobody ever reads or answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        given = {"endpoint": endpoint, "path_style": True, "connect_timeout": 30}
        client = aimed_client(**given, read_timeout=0.3, attempts=2)
        driver = S3Driver(client, "bkt", spool=tmp_path)
        begun = time.monotonic()
        with pytest.raises(StorageUnavailable, match="ReadTimeoutError"):
            driver.put("a/object", [b"x"])
        assert 0.6 <= time.monotonic() - begun < 20


@pytest.mark.usefixtures("aimed_client")  # for its environment
def test_the_settings_say_how_patient_it_is(tmp_path: Path) -> None:
    more: dict[str, Any] = {"s3_connect_timeout": 1.5, "s3_read_timeout": 2.5, "s3_attempts": 7}
    for given, expected in (({}, (5, 10, 3)), (more, (1.5, 2.5, 7))):
        asked = Settings(
            data=tmp_path, storage="s3", s3_bucket="bkt", s3_region="eu-central-1", **given
        )
        driver = storage_driver(asked)
        assert isinstance(driver, S3Driver)
        config: Any = driver._client.meta.config  # the stubs know none of these
        attempts = config.retries["total_max_attempts"]
        assert (config.connect_timeout, config.read_timeout, attempts) == expected


@pytest.mark.parametrize("name", ["s3_connect_timeout", "s3_read_timeout", "s3_attempts"])
def test_no_patience_at_all_is_refused(name: str) -> None:
    with pytest.raises(ParameterInvalid, match=name):
        read({name: "0"})


def test_newer_checksums_are_left_out(faulty: Callable[..., S3Driver], proxy: FaultProxy) -> None:
    driver = faulty()
    driver.put("a/object", [b"x"])
    driver.put("a/big", [bytes(6 << 20)])
    assert b"".join(driver.get("a/object")) == b"x"
    headers = {name for names in proxy.headers for name in names}
    assert "x-amz-content-sha256" in headers
    assert [name for name in headers if "checksum" in name or "trailer" in name] == []


def answered(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "private.host said no"}}, "GetObject")


@pytest.mark.parametrize(
    ("error", "becomes"),
    [
        *((answered(code), ObjectNotFound) for code in ("NoSuchKey", "404", "NotFound")),
        *((answered(code), StorageFull) for code in ("QuotaExceeded", "XMinioStorageFull")),
        *(
            (answered(code), StorageUnavailable)
            for code in ("NoSuchBucket", "AccessDenied", "SlowDown", "InternalError", "403")
        ),
        (ClientError({}, "GetObject"), StorageUnavailable),
        (EndpointConnectionError(endpoint_url="http://private.host"), StorageUnavailable),
        (ReadTimeoutError(endpoint_url="http://private.host"), StorageUnavailable),
        (NoCredentialsError(), StorageUnavailable),
        (ConnectionResetError("private.host"), StorageUnavailable),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else repr(value)[:40],
)
def test_failures_are_typed_and_tell_no_address(
    error: ClientError | BotoCoreError | OSError, becomes: type[Exception]
) -> None:
    with pytest.raises(becomes) as raised, s3_failures("trying", "a/object"):
        raise error
    assert type(raised.value) is becomes
    assert "private.host" not in str(raised.value)


def test_what_has_no_path_is_never_missing() -> None:
    with pytest.raises(StorageUnavailable, match="NoSuchKey while trying"), s3_failures("trying"):
        raise answered("NoSuchKey")
