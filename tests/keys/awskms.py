"""AWS KMS as moto serves it over HTTP, and clients that fail as told."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from registry.keys.aws import AwsKeys
from registry.keys.aws_client import kms_client

if TYPE_CHECKING:
    from types_boto3_kms import KMSClient

REGION = "us-east-1"


@pytest.fixture(scope="session")
def kms_url() -> Iterator[str]:
    """Where it listens."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def give_credentials(patch: pytest.MonkeyPatch) -> None:
    """As boto3 finds them; and an address that must not be taken for that of KMS."""
    patch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """For clients that a test has the program make."""
    give_credentials(monkeypatch)


@pytest.fixture(scope="session")
def kms(kms_url: str) -> Iterator[KMSClient]:
    """One client for all: it takes a while to make."""
    with pytest.MonkeyPatch.context() as patch:
        give_credentials(patch)
        client = kms_client(REGION, kms_url)
        client.list_keys()
    yield client
    client.close()


@pytest.fixture
def key_arn(kms: KMSClient) -> str:
    """A new key."""
    return kms.create_key()["KeyMetadata"]["Arn"]


@pytest.fixture
def aws(kms: KMSClient, key_arn: str) -> AwsKeys:
    """The provider, with that key as its default."""
    return AwsKeys(key_arn, REGION, lambda _region: kms)


class Told:
    """Stands before a client: counts calls, and raises what it was told to."""

    def __init__(self, client: KMSClient) -> None:
        self._client = client
        self.calls: list[str] = []
        self.error: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> Any:
            self.calls.append(name)
            if self.error is not None:
                raise self.error
            return getattr(self._client, name)(**arguments)

        return call

    def fail(self, code: str) -> None:
        """Answer with that error from now on."""
        self.error = ClientError({"Error": {"Code": code, "Message": "no"}}, "Decrypt")
