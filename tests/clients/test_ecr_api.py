"""An image pushed and pulled by ECR's API alone, beside clients that speak the OCI protocol."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx

from tests import images
from tests.clients.programs import Program
from tests.conftest import StartServer
from tests.server_process import ServerProcess

if TYPE_CHECKING:
    from types_boto3_ecr.client import ECRClient

NAME = "team/by-api"
BIG = images.layer({"noise": bytes(range(256)) * 64, "hello": b"hello"})
PLAIN = images.Blob(bytes(12 * 1024 * 1024), "application/vnd.oci.image.layer.v1.tar")


def push_layer(ecr: ECRClient, repository: str, content: bytes) -> None:
    """In parts of the size that the server asks for."""
    begun = ecr.initiate_layer_upload(repositoryName=repository)
    upload, size = begun["uploadId"], begun["partSize"]
    for first in range(0, len(content), size):
        part = content[first : first + size]
        ecr.upload_layer_part(
            repositoryName=repository,
            uploadId=upload,
            partFirstByte=first,
            partLastByte=first + len(part) - 1,
            layerPartBlob=part,
        )
    ecr.complete_layer_upload(
        repositoryName=repository, uploadId=upload, layerDigests=[images.digest_of(content)]
    )


def push(ecr: ECRClient, repository: str, image: images.Image, tag: str) -> None:
    wanted = [blob.digest for blob in image.blobs]
    answer = ecr.batch_check_layer_availability(repositoryName=repository, layerDigests=wanted)
    there = {
        each["layerDigest"] for each in answer["layers"] if each["layerAvailability"] == "AVAILABLE"
    }
    for blob in image.blobs:
        if blob.digest not in there:
            push_layer(ecr, repository, blob.content)
    ecr.put_image(repositoryName=repository, imageManifest=image.text, imageTag=tag)


def pull(ecr: ECRClient, repository: str, tag: str) -> dict[str, bytes]:
    """Every blob of an image by its digest, over links and without credentials."""
    ids: Any = [{"imageTag": tag}]
    (found,) = ecr.batch_get_image(repositoryName=repository, imageIds=ids)["images"]
    manifest = json.loads(found["imageManifest"])
    pulled = {}
    for part in (manifest["config"], *manifest["layers"]):
        link = ecr.get_download_url_for_layer(repositoryName=repository, layerDigest=part["digest"])
        answer = httpx.get(link["downloadUrl"], timeout=60).raise_for_status()
        pulled[part["digest"]] = answer.content
    return pulled


def test_both_ways(start_server: StartServer) -> None:
    server = start_server("--workers", "2")
    image = images.oci_image(BIG, PLAIN)
    server.ecr.create_repository(repositoryName=NAME)
    push(server.ecr, NAME, image, "v1")
    assert pull(server.ecr, NAME, "v1") == {blob.digest: blob.content for blob in image.blobs}
    with server.http() as docker:
        assert docker.get(f"/v2/{NAME}/manifests/v1").content == image.manifest
        for blob in image.blobs:
            assert docker.get(f"/v2/{NAME}/blobs/{blob.digest}").content == blob.content
    link = server.ecr.get_download_url_for_layer(repositoryName=NAME, layerDigest=PLAIN.digest)[
        "downloadUrl"
    ]
    (token,) = parse_qs(urlsplit(link).query)["token"]
    server.stop()
    server.start()
    part = httpx.get(link, headers={"range": "bytes=1000000-8999999"}, timeout=60)
    assert (part.status_code, part.content) == (206, PLAIN.content[1_000_000:9_000_000])
    assert f"/layers/{PLAIN.digest}" in server.log
    assert token not in server.log
    (detail,) = server.ecr.describe_images(repositoryName=NAME)["imageDetails"]
    assert datetime.now(UTC) - detail["lastRecordedPullTime"] < timedelta(minutes=2)


def test_the_cli_takes_away_what_it_lists(
    server: ServerProcess, repository: str, aws: Program
) -> None:
    for number in range(3):
        with server.http() as client:
            made = images.oci_image(images.layer({"n": bytes([number])}))
            images.push(client, repository, made, f"v{number}")
    option = ("--repository-name", repository)
    ids = aws("ecr", "list-images", *option, "--query", "imageIds[*]", "--output", "json")
    gone = json.loads(aws("ecr", "batch-delete-image", *option, "--image-ids", ids))
    assert gone["failures"] == []
    assert {each["imageTag"] for each in gone["imageIds"]} == {"v0", "v1", "v2"}
    assert json.loads(aws("ecr", "list-images", *option)) == {"imageIds": []}


def test_the_cli_sets_what_a_repository_and_a_registry_have(repository: str, aws: Program) -> None:
    def ecr(*arguments: str) -> Any:
        text = aws("ecr", *arguments)
        return json.loads(text) if text.strip() else None

    option = ("--repository-name", repository)
    told = ecr("describe-repositories", "--repository-names", repository)["repositories"][0]
    arn = ("--resource-arn", told["repositoryArn"])
    assert ecr("tag-resource", *arn, "--tags", "Key=team,Value=blue", "Key=x,Value=") is None
    assert ecr("untag-resource", *arn, "--tag-keys", "x") is None
    assert ecr("list-tags-for-resource", *arn) == {"tags": [{"Key": "team", "Value": "blue"}]}
    filters = "filterType=WILDCARD,filter=dev-*"
    put = ecr(
        "put-image-tag-mutability", *option,
        "--image-tag-mutability", "IMMUTABLE_WITH_EXCLUSION",
        "--image-tag-mutability-exclusion-filters", filters,
    )  # fmt: skip
    assert put["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    ecr("put-account-setting", "--name", "BLOB_MOUNTING", "--value", "ENABLED")
    assert ecr("get-account-setting", "--name", "BLOB_MOUNTING")["value"] == "ENABLED"
    assert ecr("describe-registry")["replicationConfiguration"] == {"rules": []}
    assert ecr("get-registry-scanning-configuration")["scanningConfiguration"]["rules"] == []
    template = ("--prefix", repository, "--applied-for", "CREATE_ON_PUSH")
    made = ecr("create-repository-creation-template", *template)["repositoryCreationTemplate"]
    assert ecr("describe-repository-creation-templates", "--prefixes", repository)[
        "repositoryCreationTemplates"
    ] == [made]
    ecr("delete-repository-creation-template", "--prefix", repository)
