"""Many clients at once on two workers: the outcome is always that of some order, one by one."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import httpx

from tests import images
from tests.conftest import MakeRepository
from tests.server_process import ServerProcess

CLIENTS = 50
T = TypeVar("T")


def at_once(works: Sequence[Callable[[], T]]) -> list[T]:
    """Run all of them in threads that start together; the results in order."""
    barrier = threading.Barrier(len(works))

    def start(work: Callable[[], T]) -> T:
        barrier.wait(timeout=60)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(start, works))


def numbered(number: int, shared: Sequence[images.Blob] = ()) -> images.Image:
    """An image with a layer of its own on top of the shared ones."""
    return images.oci_image(*shared, images.layer({"own": b"%d" % number}))


def push_as_tag(
    server: ServerProcess, repository: str, image: images.Image, tag: str
) -> httpx.Response:
    """Push as a client of its own; the answer to the manifest."""
    with server.http() as client:
        for blob in image.blobs:
            images.push_blob(client, repository, blob.content)
        return images.put_manifest(client, repository, image, tag)


def assert_whole(client: httpx.Client, repository: str, image: images.Image) -> None:
    """The image and everything below it is served as it was pushed."""
    got = client.get(f"/v2/{repository}/manifests/{image.digest}")
    assert (got.status_code, got.content) == (200, image.manifest)
    for blob in image.blobs:
        assert client.get(f"/v2/{repository}/blobs/{blob.digest}").content == blob.content


def test_fifty_clients_push_images_that_share_layers(
    server: ServerProcess, make_repository: MakeRepository
) -> None:
    shared = [images.layer({f"shared{part}": os.urandom(150_000)}) for part in range(3)]
    places = [make_repository(), make_repository()]
    pushes = [(places[number % 2], numbered(number, shared)) for number in range(CLIENTS)]

    answers = at_once(
        [
            partial(push_as_tag, server, place, image, f"v{number}")
            for number, (place, image) in enumerate(pushes)
        ]
    )

    assert Counter(answer.status_code for answer in answers) == {201: CLIENTS}
    with server.http() as client:
        for place, image in pushes:
            assert_whole(client, place, image)
    listed = [
        entry
        for place in places
        for entry in server.ecr.list_images(repositoryName=place)["imageIds"]
    ]
    assert sorted(entry["imageTag"] for entry in listed) == sorted(
        f"v{number}" for number in range(CLIENTS)
    )


def test_a_tag_pushed_by_many_stands_on_one_of_them(server: ServerProcess, repository: str) -> None:
    made = [numbered(number) for number in range(16)]
    answers = at_once([partial(push_as_tag, server, repository, image, "latest") for image in made])
    assert Counter(answer.status_code for answer in answers) == {201: 16}
    tagged = [
        entry["imageDigest"]
        for entry in server.ecr.list_images(repositoryName=repository)["imageIds"]
        if "imageTag" in entry
    ]
    assert len(tagged) == 1
    (standing,) = [image for image in made if image.digest == tagged[0]]
    with server.http() as client:
        got = client.get(f"/v2/{repository}/manifests/latest")
        assert got.content == standing.manifest


def test_an_immutable_tag_is_won_by_one(
    server: ServerProcess, make_repository: MakeRepository
) -> None:
    repository = make_repository(mutability="IMMUTABLE")
    made = [numbered(number) for number in range(16)]
    answers = at_once([partial(push_as_tag, server, repository, image, "v1") for image in made])
    assert Counter(answer.status_code for answer in answers) == {201: 1, 400: 15}
    codes = {answer.json()["errors"][0]["code"] for answer in answers if answer.status_code == 400}
    assert codes == {"TAG_INVALID"}
    (winner,) = [
        image for image, answer in zip(made, answers, strict=True) if answer.status_code == 201
    ]
    with server.http() as client:
        assert client.get(f"/v2/{repository}/manifests/v1").content == winner.manifest


def test_what_is_deleted_beside_a_push_leaves_no_half_image(
    server: ServerProcess, repository: str
) -> None:
    image = numbered(0)

    def push() -> int:
        return push_as_tag(server, repository, image, "v1").status_code

    def delete() -> int:
        with server.http() as client:
            for blob in image.blobs:
                client.delete(f"/v2/{repository}/blobs/{blob.digest}")
            return client.delete(f"/v2/{repository}/manifests/{image.digest}").status_code

    for _ in range(15):
        pushed, deleted = at_once([push, delete])
        with server.http() as client:
            found = client.get(f"/v2/{repository}/manifests/v1").status_code
            if found == 200:
                assert_whole(client, repository, image)
        assert pushed in {201, 400}
        assert deleted in {202, 404}
        assert (pushed, found) != (400, 200)
        with server.http() as client:
            client.delete(f"/v2/{repository}/manifests/{image.digest}")
