"""SIGKILL while images are replicated: each arrives whole and leaves no waste."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests import images
from tests.faults.client import Client, chance, digest_of
from tests.faults.forked import Forked
from tests.faults.stocktaking import collect_all, take_stock
from tests.server_process import ACCOUNT

NAME, REGION = "team/killed", "eu-west-1"
HOST = {"Host": f"{ACCOUNT}.dkr.ecr.{REGION}.localhost"}
KILLS = 8
LAYERS, LAYER_BYTES = 6, 1 << 20


def make_image(number: int) -> images.Image:
    random = chance(number)
    return images.oci_image(
        *(
            images.Blob(content, images.OCI_LAYER, digest_of(content))
            for content in (random.randbytes(LAYER_BYTES) for _ in range(LAYERS))
        )
    )


def push(client: Client, image: images.Image, tag: str) -> None:
    for blob in image.blobs:
        assert client.put_blob(NAME, blob.content).status == 201
    answer = client.put_manifest(NAME, tag, image.manifest, image.media_type)
    assert answer.status == 201, answer


def prepare(server: Forked) -> None:
    """What is pushed goes to a repository under another key, so every byte is sealed anew."""
    server.create_repository(NAME)
    ecr(server, REGION).create_repository(
        repositoryName=NAME, encryptionConfiguration={"encryptionType": "KMS"}
    )
    rule: Any = {"destinations": [{"region": REGION, "registryId": ACCOUNT}]}
    ecr(server).put_replication_configuration(replicationConfiguration={"rules": [rule]})


def ecr(server: Forked, region: str = "us-east-1") -> Any:
    key = server._ecr()._request_signer._credentials  # type: ignore[attr-defined]  # the file's
    return boto3.client(
        "ecr",
        region_name=region,
        aws_access_key_id=key.access_key,
        aws_secret_access_key=key.secret_key,
        endpoint_url=f"http://127.0.0.1:{server.port}",
    )


def free_lease(data: Path) -> None:
    """As if the minute that a killed holder's lease lasts were over."""
    with sqlite3.connect(data / "moorage.db") as connection:
        connection.execute("UPDATE tasks SET held_until = 0")
    connection.close()


def status(server: Forked, tag: str) -> str:
    answer = ecr(server).describe_image_replication_status(
        repositoryName=NAME, imageId={"imageTag": tag}
    )
    (found,) = answer["replicationStatuses"]
    return str(found["status"])


def check_there(client: Client, image: images.Image, tag: str) -> None:
    """Whoever sees the tag gets every byte."""
    answer = client.ask("GET", f"/v2/{NAME}/manifests/{tag}", headers=HOST)
    if answer.status == 404:
        return
    assert answer.body == image.manifest
    for blob in image.blobs:
        got = client.ask("GET", f"/v2/{NAME}/blobs/{blob.digest}", headers=HOST)
        assert got.body == blob.content, got


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_kill_in_the_middle_of_it(quick_folder: Path) -> None:
    made: list[tuple[images.Image, str]] = []
    random = chance(7)
    cut_short = 0
    with Forked(quick_folder, regions=REGION) as server:
        server.start()
        prepare(server)
        authorization = server.authorization()
        for number in range(KILLS):
            with Client(server.port, authorization) as client:
                made.append((make_image(number), f"v{number}"))
                push(client, *made[-1])
            time.sleep(random.uniform(0.7, 1.3))  # it looks once a second
            server.kill()
            with sqlite3.connect(server.data / "moorage.db") as connection:
                query = "SELECT count(*) FROM uploads"
                cut_short += connection.execute(query).fetchone()[0]
            connection.close()
            free_lease(server.data)
            server.start()
            with Client(server.port, authorization) as client:
                for each in made:
                    check_there(client, *each)
        deadline = time.monotonic() + 60
        while {status(server, tag) for _, tag in made} != {"COMPLETE"}:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        with Client(server.port, authorization) as client:
            for image, tag in made:
                answer = client.ask("GET", f"/v2/{NAME}/manifests/{tag}", headers=HOST)
                assert answer.status == 200
                check_there(client, image, tag)
        server.stop()
        assert "Traceback" not in server.log.read_text()
    take_stock(server.data).check()
    collect_all(server.data)
    take_stock(server.data).check_tidy()
    print(f"{KILLS} kills; uploads of copies that were found cut short: {cut_short}")
