"""The gateway behind uvicorn on the loopback, with boto3 and the AWS CLI as they are."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
import uvicorn
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.aws.demo import ADA, KEY, REGION, SECRET, Demo

AWS = Path(sys.executable).with_name("aws")


class Served:
    """A demo gateway on a port of its own, in a thread."""

    def __init__(self) -> None:
        self.demo = Demo()
        config = uvicorn.Config(self.demo.gateway, log_level="warning", lifespan="off")
        self._server = uvicorn.Server(config)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))

    def start(self) -> None:
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self._server.started

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()
        assert not self._thread.is_alive()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    server = Served()
    server.start()
    yield server
    server.stop()


def test_boto3_over_the_wire(served: Served) -> None:
    ecr = boto3.client(
        "ecr", region_name=REGION, endpoint_url=served.url, aws_access_key_id=KEY,
        aws_secret_access_key=SECRET, config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip
    created = ecr.create_repository(repositoryName="wire/boto3")
    assert created["repository"]["repositoryName"] == "wire/boto3"
    assert created["ResponseMetadata"]["HTTPHeaders"]["content-type"].startswith(
        "application/x-amz-json-1.1"
    )
    blob = os.urandom(20 * 1024 * 1024)
    ecr.upload_layer_part(
        repositoryName="wire/boto3", uploadId="5f5c2c4e-3a52-4f0e-9d5f-0d8f2f6f5a11",
        partFirstByte=0, partLastByte=len(blob) - 1, layerPartBlob=blob,
    )  # fmt: skip
    assert served.demo.repositories.parts == [blob]
    with pytest.raises(ClientError, match="UnknownOperationException"):
        ecr.describe_images(repositoryName="wire/boto3")
    ecr.close()


def aws(served: Served, *arguments: str, secret: str = SECRET) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"], "HOME": "/nonexistent", "AWS_ENDPOINT_URL": served.url,
        "AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    return subprocess.run(
        [AWS, "--output", "json", *arguments],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.clients
def test_the_aws_cli(served: Served) -> None:
    identity = aws(served, "sts", "get-caller-identity")
    assert identity.returncode == 0, identity.stderr
    assert json.loads(identity.stdout)["Arn"] == ADA.arn

    created = aws(served, "ecr", "create-repository", "--repository-name", "wire/cli")
    assert created.returncode == 0, created.stderr
    repository = json.loads(created.stdout)["repository"]
    assert repository["repositoryName"] == "wire/cli"
    assert repository["createdAt"] == datetime(2026, 11, 22, 10, 30, 15, 250_000, UTC).timestamp()


@pytest.mark.clients
@pytest.mark.parametrize(
    ("arguments", "secret", "expected"),
    [
        (
            ["ecr", "create-repository", "--repository-name", "Upper"],
            SECRET,
            "(InvalidParameterException) when calling the CreateRepository operation: Invalid"
            " parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular",
        ),
        (
            ["sts", "get-caller-identity"],
            "wrong",
            "(SignatureDoesNotMatch) when calling the GetCallerIdentity operation: The request"
            " signature we calculated does not match",
        ),
    ],
)
def test_what_the_aws_cli_tells_its_user(
    served: Served, arguments: list[str], secret: str, expected: str
) -> None:
    done = aws(served, *arguments, secret=secret)
    assert done.returncode != 0
    assert expected in done.stderr


def test_a_refused_large_body_ends_the_connection(served: Served) -> None:
    head = (
        f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n"
        "X-Amz-Target: AmazonEC2ContainerRegistry_V20150921.PutImage\r\n"
        f"Content-Length: {41 * 1024 * 1024}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as client:
        client.sendall(head.encode())
        answer = b""
        while piece := client.recv(4096):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"RequestEntityTooLarge" in answer
