"""A full disk: a refusal that says so, nothing half stored, and work goes on when there is room."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import images
from tests.faults.client import Answer, Client, chance, digest_of, pieces
from tests.faults.stocktaking import take_stock
from tests.server_process import ServerProcess
from tests.tools import missing

REPOSITORY = "team/full"
DISK_BYTES = 24 << 20
LAYER_BYTES = 6 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, in memory, that is soon full."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "moorage-test", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        missing(f"cannot mount a small disk: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def server(small_disk: Path, tmp_path: Path) -> Iterator[ServerProcess]:
    """A server whose data lies on the small disk, its log elsewhere."""
    process = ServerProcess(tmp_path)
    process.data = small_disk / "data"
    yield process.start()
    process.stop()


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Client]:
    server.ecr.create_repository(repositoryName=REPOSITORY)
    with Client(server.port, f"Basic {server.token()}", timeout=60) as made:
        yield made


def fill(folder: Path) -> Path:
    """Take every byte that is left; the file that has them."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
    return filler


def check_refused(answer: Answer) -> None:
    """No room, or the store does not answer: in the protocol's form, with nothing of our paths."""
    assert answer.status in {503, 507}, answer
    (error,) = json.loads(answer.body)["errors"]
    assert error["code"] == "UNAVAILABLE"
    assert error["message"]
    assert "/" not in error["message"]


def test_blobs_until_the_disk_is_full(server: ServerProcess, client: Client) -> None:
    random_ = chance(8)
    stored: list[bytes] = []
    while len(stored) < 10:
        content = random_.randbytes(LAYER_BYTES)
        answer = client.put_blob(REPOSITORY, content)
        if answer.status != 201:
            break
        stored.append(content)
    assert answer.status == 507, answer
    check_refused(answer)
    streamed = client.ask("PATCH", client.start(REPOSITORY), pieces(content))
    assert streamed.status == 507, streamed
    assert client.blob(REPOSITORY, digest_of(content)).status == 404
    assert not list((server.data / "storage" / ".tmp").iterdir())
    for kept in stored:
        assert client.blob(REPOSITORY, digest_of(kept)).body == kept
    # Something is deleted: there is room for it now.
    path = f"/v2/{REPOSITORY}/blobs/{digest_of(stored.pop())}"
    assert client.ask("DELETE", path).status == 202
    assert client.put_blob(REPOSITORY, content).status == 201
    assert client.blob(REPOSITORY, digest_of(content)).body == content
    server.stop()
    take_stock(server.data).check()


def test_a_database_that_cannot_grow(
    server: ServerProcess, client: Client, small_disk: Path
) -> None:
    layer = images.layer({"kept": b"x" * 1000})
    image, later = images.oci_image(layer), images.oci_image(layer, annotations={"n": "2"})
    for blob in (*image.blobs, *later.blobs):
        assert client.put_blob(REPOSITORY, blob.content).status == 201
    assert put(client, image, "kept").status == 201
    location = client.start(REPOSITORY)

    filler = fill(small_disk)
    refused = 0
    for number in range(400):  # until the log of the database has used what room it had
        answer = put(client, later, f"more-{number}")
        if answer.status != 201:
            check_refused(answer)
            refused += 1
        if refused == 3:
            break
    assert refused == 3
    check_refused(client.ask("POST", f"/v2/{REPOSITORY}/blobs/uploads/"))
    check_refused(client.ask("PUT", f"{location}?digest={digest_of(b'new')}", b"new"))
    assert client.manifest(REPOSITORY, f"more-{number}").status == 404
    assert client.manifest(REPOSITORY, "kept").body == image.manifest
    assert client.blob(REPOSITORY, layer.digest).body == layer.content

    filler.unlink()
    assert put(client, later, "later").status == 201
    assert client.manifest(REPOSITORY, "later").body == later.manifest
    assert client.put_blob(REPOSITORY, b"new").status == 201
    server.stop()
    take_stock(server.data).check()


def test_a_start_on_a_full_disk_says_why(
    server: ServerProcess, client: Client, small_disk: Path
) -> None:
    content = os.urandom(100_000)
    assert client.put_blob(REPOSITORY, content).status == 201
    server.stop()
    filler = fill(small_disk)
    with pytest.raises(AssertionError, match="the server ended with status"):
        server.start()
    assert "no space left" in server.tail().splitlines()[-1]
    server.check_log()
    filler.unlink()
    server.start()
    with Client(server.port, f"Basic {server.token()}") as again:
        assert again.blob(REPOSITORY, digest_of(content)).body == content


def put(client: Client, image: images.Image, tag: str) -> Answer:
    return client.put_manifest(REPOSITORY, tag, image.manifest, image.media_type)
