"""A server whose bytes lie in S3, driven by a real client: versitygw is the store."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import images
from tests.clients.programs import Program
from tests.conftest import StartServer
from tests.server_process import ServerProcess, free_port
from tests.storage.conftest import ACCESS_KEY, SECRET_KEY, make_client, wait_for
from tests.tools import require_tool

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

BUCKET = "moorage"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[S3Client]:
    """A client of an S3 server of its own, with the empty bucket."""
    program, port, log = require_tool("versitygw"), free_port(), tmp_path / "versitygw.log"
    (tmp_path / "store").mkdir()
    secrets = {"ROOT_ACCESS_KEY_ID": ACCESS_KEY, "ROOT_SECRET_ACCESS_KEY": SECRET_KEY}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, "--port", f"127.0.0.1:{port}", "posix", tmp_path / "store"],
            stdout=output,
            stderr=output,
            env={**os.environ, **secrets},
        )
    try:
        wait_for(port, process, log)
        client = make_client(port)
        client.create_bucket(Bucket=BUCKET)
        yield client
        client.close()
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def server(store: S3Client, start_server: StartServer) -> ServerProcess:
    """In place of the shared one: a server that stores in the bucket."""
    return start_server(
        "--storage", "s3", "--s3-bucket", BUCKET, "--s3-prefix", "some/where",
        "--s3-endpoint", store.meta.endpoint_url, "--s3-region", "us-east-1", "--s3-path-style",
        AWS_ACCESS_KEY_ID=ACCESS_KEY, AWS_SECRET_ACCESS_KEY=SECRET_KEY,
    )  # fmt: skip


def stored(store: S3Client) -> dict[str, bytes]:
    """Every object of the bucket."""
    listed = store.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    keys = [entry["Key"] for entry in listed]
    return {key: store.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}


def of_blob(kept: dict[str, bytes], blob: images.Blob) -> list[str]:
    """The keys of the objects that hold a blob."""
    return [key for key in kept if f"/{blob.digest.partition(':')[2]}/" in key]


def test_an_image_goes_to_the_bucket_sealed_and_comes_back(
    crane: Program, server: ServerProcess, store: S3Client, repository: str, tmp_path: Path
) -> None:
    # The second layer takes several parts of 5 MiB and more.
    layers = [images.layer({"hello": b"hello"}), images.layer({"random": os.urandom(24 << 20)})]
    image = images.oci_image(*layers)
    layout = images.write_layout(tmp_path / "layout", {"v1": image})
    reference = f"{server.address}/{repository}:v1"
    crane("push", str(layout), reference)

    kept = stored(store)
    assert all(key.startswith("some/where/") for key in kept)
    for blob in image.blobs:
        (content,) = [kept[key] for key in of_blob(kept, blob)]
        assert len(content) > len(blob.content)
        assert blob.content[:64] not in content
    assert crane("validate", "--remote", reference).startswith("PASS")

    server.stop()
    server.start()
    target = tmp_path / "pulled"
    crane("pull", "--format", "oci", reference, str(target))
    files = (target / "blobs" / "sha256").iterdir()
    wanted = {blob.digest for blob in image.blobs} | {image.digest}
    assert {images.digest_of(path.read_bytes()) for path in files} == wanted


def test_a_store_that_is_gone_is_an_answer_and_not_a_broken_image(
    server: ServerProcess, store: S3Client, repository: str
) -> None:
    image = images.oci_image(images.layer({"random": os.urandom(1 << 20)}))
    with server.http() as client:
        images.push(client, repository, image, "v1")
        layer = image.blobs[1]
        (key,) = of_blob(stored(store), layer)
        store.delete_object(Bucket=BUCKET, Key=key)
        got = client.get(f"/v2/{repository}/blobs/{layer.digest}")
        assert got.status_code >= 400
        assert got.json()["errors"][0]["code"]
