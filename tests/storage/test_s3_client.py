"""The settings of the S3 client, and its failures as the law names them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from registry.storage.s3 import S3Driver
from registry.storage.s3_client import s3_client, s3_failures
from registry.values.errors import ObjectNotFound, StorageFull, StorageUnavailable
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
