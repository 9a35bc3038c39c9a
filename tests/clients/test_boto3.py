"""boto3: codes, messages, paginators and signatures as a program sees them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests import images
from tests.conftest import MakeRepository, StartServer
from tests.server_process import ACCOUNT, REGION, ServerProcess

if TYPE_CHECKING:
    from types_boto3_ecr.client import ECRClient
    from types_boto3_ecr.type_defs import PaginatorConfigTypeDef


def refusal(call: Callable[[], object]) -> tuple[str, str, int]:
    """Code, message and HTTP status of a call that must fail."""
    with pytest.raises(ClientError) as caught:
        call()
    response = caught.value.response
    assert response["ResponseMetadata"]["RequestId"]
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    return response["Error"]["Code"], response["Error"]["Message"], status


def missing(name: str) -> str:
    return f"The repository with name '{name}' does not exist in the registry with id '{ACCOUNT}'"


@pytest.fixture
def many(server: ServerProcess, repository: str) -> list[images.Image]:
    """Seven images in the repository, tagged `v0` to `v6`, the last one `latest` too."""
    made = [images.oci_image(images.layer({"n": bytes([number])})) for number in range(7)]
    with server.http() as client:
        for number, image in enumerate(made):
            images.push(client, repository, image, f"v{number}")
        images.put_manifest(client, repository, made[-1], "latest").raise_for_status()
    return made


def test_repositories_come_in_pages(server: ServerProcess, make_repository: MakeRepository) -> None:
    made = {make_repository(prefix="paged") for _ in range(5)}
    paginator = server.ecr.get_paginator("describe_repositories")
    pages = list(paginator.paginate(PaginationConfig={"PageSize": 2}))
    sizes = [len(page["repositories"]) for page in pages]
    assert len(pages) >= 3
    assert all(size <= 2 for size in sizes)
    names = [found["repositoryName"] for page in pages for found in page["repositories"]]
    assert len(names) == len(set(names))
    assert made <= set(names)
    named = server.ecr.describe_repositories(repositoryNames=sorted(made))["repositories"]
    assert {found["repositoryName"] for found in named} == made


def test_images_come_in_pages(
    server: ServerProcess, repository: str, many: list[images.Image]
) -> None:
    paging: PaginatorConfigTypeDef = {"PageSize": 3}
    listing = server.ecr.get_paginator("list_images")
    pages = list(listing.paginate(repositoryName=repository, PaginationConfig=paging))
    assert [len(page["imageIds"]) for page in pages] == [3, 3, 2]
    found = {
        entry["imageTag"]: entry["imageDigest"] for page in pages for entry in page["imageIds"]
    }
    wanted = {f"v{number}": image.digest for number, image in enumerate(many)}
    assert found == {**wanted, "latest": many[-1].digest}

    describing = server.ecr.get_paginator("describe_images")
    details = [
        detail
        for page in describing.paginate(repositoryName=repository, PaginationConfig=paging)
        for detail in page["imageDetails"]
    ]
    assert {detail["imageDigest"] for detail in details} == {image.digest for image in many}
    (last,) = [detail for detail in details if detail["imageDigest"] == many[-1].digest]
    assert sorted(last["imageTags"]) == ["latest", "v6"]


def test_a_made_up_page_token_is_refused(server: ServerProcess, repository: str) -> None:
    code, message, status = refusal(
        lambda: server.ecr.list_images(repositoryName=repository, nextToken="made up")
    )
    assert (code, status) == ("InvalidParameterException", 400)
    assert "token" in message.lower()


def test_untagged_images_are_filtered(server: ServerProcess, repository: str) -> None:
    tagged, untagged = (images.oci_image(images.layer({"n": text})) for text in (b"a", b"b"))
    with server.http() as client:
        images.push(client, repository, tagged, "v1")
        images.push(client, repository, untagged)
    for status, wanted in (
        ("TAGGED", [{"imageDigest": tagged.digest, "imageTag": "v1"}]),
        ("UNTAGGED", [{"imageDigest": untagged.digest}]),
    ):
        listed = server.ecr.list_images(
            repositoryName=repository,
            filter={"tagStatus": status},  # type: ignore[typeddict-item]  # a literal, in a loop
        )
        assert listed["imageIds"] == wanted


def test_batch_get_image_tells_what_it_found_and_what_not(
    server: ServerProcess, repository: str, many: list[images.Image]
) -> None:
    nowhere = images.digest_of(b"nowhere")
    got = server.ecr.batch_get_image(
        repositoryName=repository,
        imageIds=[{"imageTag": "v0"}, {"imageDigest": many[1].digest}, {"imageTag": "none"},
                  {"imageDigest": nowhere}, {"imageTag": "v2", "imageDigest": many[3].digest}],
    )  # fmt: skip
    assert {image["imageManifest"] for image in got["images"]} == {many[0].text, many[1].text}
    assert all(image["imageManifestMediaType"] == images.OCI_MANIFEST for image in got["images"])
    failures = {
        failure["imageId"].get("imageTag") or failure["imageId"]["imageDigest"]: failure
        for failure in got["failures"]
    }
    assert failures["none"]["failureCode"] == "ImageNotFound"
    assert failures["none"]["failureReason"] == "Requested image not found"
    assert failures[nowhere]["failureCode"] == "ImageNotFound"
    assert failures["v2"]["failureCode"] == "ImageTagDoesNotMatchDigest"


def two_images(server: ServerProcess, repository: str) -> tuple[images.Image, images.Image]:
    """Two images in a repository, only the first tagged: `v1`."""
    first, second = (images.oci_image(images.layer({"n": text})) for text in (b"1", b"2"))
    with server.http() as client:
        images.push(client, repository, first, "v1")
        images.push(client, repository, second)
    return first, second


def test_put_image_moves_a_mutable_tag(server: ServerProcess, repository: str) -> None:
    first, second = two_images(server, repository)
    image = server.ecr.put_image(
        repositoryName=repository, imageManifest=second.text, imageTag="v1"
    )["image"]
    assert image["imageId"] == {"imageDigest": second.digest, "imageTag": "v1"}
    assert image["imageManifestMediaType"] == images.OCI_MANIFEST
    listed = server.ecr.list_images(repositoryName=repository)["imageIds"]
    assert {entry["imageDigest"]: entry.get("imageTag") for entry in listed} == {
        first.digest: None,
        second.digest: "v1",
    }


def test_put_image_leaves_an_immutable_tag(
    server: ServerProcess, make_repository: MakeRepository
) -> None:
    name = make_repository(mutability="IMMUTABLE")
    _, second = two_images(server, name)
    answer = refusal(
        lambda: server.ecr.put_image(repositoryName=name, imageManifest=second.text, imageTag="v1")
    )
    message = (
        f"The image tag 'v1' already exists in the '{name}' repository"
        " and cannot be overwritten because the repository is immutable."
    )
    assert answer == ("ImageTagAlreadyExistsException", message, 400)


@pytest.mark.parametrize(
    ("manifest", "wanted"),
    [
        (
            images.oci_image(images.layer({"n": b"never pushed"})).text,
            "LayersNotFoundException",
        ),
        (json.dumps({"hello": "world"}), "InvalidParameterException"),
        ("not json", "InvalidParameterException"),
    ],
)
def test_put_image_refuses_what_is_no_manifest_or_lacks_its_parts(
    server: ServerProcess, repository: str, manifest: str, wanted: str
) -> None:
    code, message, status = refusal(
        lambda: server.ecr.put_image(
            repositoryName=repository, imageManifest=manifest, imageTag="v1"
        )
    )
    assert (code, status) == (wanted, 400), message
    assert server.ecr.list_images(repositoryName=repository)["imageIds"] == []


def test_put_image_refuses_an_index_without_its_images(start_server: StartServer) -> None:
    strict = start_server("--sparse-manifests", "none")
    strict.ecr.create_repository(repositoryName="team/strict")
    index = images.multi_arch()
    code, message, status = refusal(
        lambda: strict.ecr.put_image(repositoryName="team/strict", imageManifest=index.text)
    )
    assert (code, status) == ("ReferencedImagesNotFoundException", 400)
    assert all(child.digest in message for child in index.children)


def test_every_operation_names_a_missing_repository(server: ServerProcess) -> None:
    name, identity = "no/such", {"imageTag": "v1"}
    for call in (
        lambda: server.ecr.describe_repositories(repositoryNames=[name]),
        lambda: server.ecr.delete_repository(repositoryName=name),
        lambda: server.ecr.list_images(repositoryName=name),
        lambda: server.ecr.describe_images(repositoryName=name),
        lambda: server.ecr.batch_get_image(
            repositoryName=name,
            imageIds=[identity],  # type: ignore[list-item]  # a plain dict
        ),
        lambda: server.ecr.put_image(repositoryName=name, imageManifest=images.multi_arch().text),
    ):
        assert refusal(call) == ("RepositoryNotFoundException", missing(name), 400)


def test_another_account_is_another_registry(server: ServerProcess, repository: str) -> None:
    code, _, _ = refusal(
        lambda: server.ecr.list_images(registryId="999999999999", repositoryName=repository)
    )
    assert code in {"RepositoryNotFoundException", "AccessDeniedException"}


@pytest.mark.parametrize(
    "name", ["a", "UPPER", "a//b", "/a", "a/", "../a", "a..b", "-a", "a_-b", "x" * 257, "ä/b"]
)
def test_names_outside_the_grammar_are_refused(server: ServerProcess, name: str) -> None:
    # botocore checks the least length itself; the server must not rely on that.
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    client = server.session.client("ecr", endpoint_url=server.url, config=config)
    try:
        code, message, status = refusal(lambda: client.create_repository(repositoryName=name))
    finally:
        client.close()
    assert (code, status) == ("InvalidParameterException", 400)
    assert message.startswith("Invalid parameter at 'repositoryName' failed to satisfy constraint:")


@pytest.fixture
def client_with(server: ServerProcess) -> Iterator[Callable[[str, str], ECRClient]]:
    """Makes clients with credentials of any kind."""
    made: list[ECRClient] = []

    def make(access_key_id: str, secret: str) -> ECRClient:
        session = boto3.Session(access_key_id, secret, region_name=REGION)
        config = Config(retries={"total_max_attempts": 1})
        made.append(session.client("ecr", endpoint_url=server.url, config=config))
        return made[-1]

    yield make
    for client in made:
        client.close()


def test_a_wrong_secret_or_an_unknown_key_is_refused(
    server: ServerProcess, client_with: Callable[[str, str], ECRClient]
) -> None:
    right = server.credentials
    code, message, _ = refusal(client_with(right.access_key_id, "wrong").describe_repositories)
    assert code == "InvalidSignatureException"
    assert message.startswith(
        "The request signature we calculated does not match the signature you provided."
    )
    unknown = f"AKIA{uuid.uuid4().hex[:16].upper()}"
    code, message, _ = refusal(
        client_with(unknown, right.secret_access_key).get_authorization_token
    )
    assert code == "UnrecognizedClientException"
    assert message == "The security token included in the request is invalid."


def test_a_clock_that_is_wrong_is_refused(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=1)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: late)
    code, message, _ = refusal(server.ecr.describe_repositories)
    assert code == "InvalidSignatureException"
    assert message.startswith("Signature expired: ")


def test_a_token_of_ecr_is_no_signature_and_a_request_without_one_is_refused(
    server: ServerProcess,
) -> None:
    target = {"x-amz-target": "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories"}
    with server.http() as client:
        response = client.post("/", headers=target, content=b"{}")
        assert response.status_code in {400, 403}
        del client.headers["authorization"]
        response = client.post("/", headers=target, content=b"{}")
        assert response.status_code in {400, 403}
        assert "MissingAuthenticationToken" in response.json()["__type"]
