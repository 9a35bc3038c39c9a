"""The AWS CLI, with nothing but the lines that the server printed."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests import images
from tests.clients.programs import Program
from tests.server_process import ACCOUNT, REGION, ServerProcess


@pytest.fixture
def image(server: ServerProcess, repository: str) -> images.Image:
    """An image, pushed to the repository as `v1`."""
    made = images.oci_image(images.layer({"hello": b"hello\n"}), images.layer({"more": b"more"}))
    with server.http() as client:
        images.push(client, repository, made, "v1")
    return made


def read(text: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def moment(value: float | str) -> datetime:
    """A time as version 1 of the CLI (seconds) or version 2 (ISO 8601) shows it."""
    if isinstance(value, str):
        return datetime.fromisoformat(value)
    return datetime.fromtimestamp(value, UTC)


def ecr(aws: Program, operation: str, *arguments: str) -> dict[str, Any]:
    return read(aws("ecr", operation, *arguments))


def failure(operation: str, code: str, message: str) -> str:
    """What the CLI prints for an error of a service."""
    return f"An error occurred ({code}) when calling the {operation} operation: {message}"


def test_the_administrator_is_who_the_credentials_say(aws: Program) -> None:
    identity = read(aws("sts", "get-caller-identity"))
    assert identity["Account"] == ACCOUNT
    assert identity["Arn"].startswith(f"arn:aws:iam::{ACCOUNT}:")
    assert identity["UserId"]


def test_authorization_token(aws: Program, server: ServerProcess) -> None:
    before = datetime.now(UTC)
    (data,) = ecr(aws, "get-authorization-token")["authorizationData"]
    user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
    assert user == "AWS"
    assert len(password) > 40
    assert data["proxyEndpoint"] == server.exports["AWS_ENDPOINT_URL"]
    lasts = moment(data["expiresAt"]) - before
    assert timedelta(hours=11, minutes=59) < lasts <= timedelta(hours=12, seconds=30)


def test_the_life_of_a_repository(aws: Program, server: ServerProcess) -> None:
    name = "cli/my-app"
    option = ("--repository-name", name)
    made = ecr(aws, "create-repository", *option)["repository"]
    assert made["repositoryArn"] == f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}"
    assert made["registryId"] == ACCOUNT
    assert made["repositoryName"] == name
    assert made["repositoryUri"] == f"localhost:{server.port}/{name}"
    assert made["imageTagMutability"] == "MUTABLE"
    assert made["imageScanningConfiguration"] == {"scanOnPush": False}
    assert made["encryptionConfiguration"] == {"encryptionType": "AES256"}
    described = ecr(aws, "describe-repositories", "--repository-names", name)
    assert described["repositories"] == [made]

    message = (
        f"The repository with name '{name}' already exists in the registry with id '{ACCOUNT}'"
    )
    assert failure("CreateRepository", "RepositoryAlreadyExistsException", message) in aws.refused(
        "ecr", "create-repository", *option
    )

    deleted = ecr(aws, "delete-repository", *option)["repository"]
    assert deleted["repositoryArn"] == made["repositoryArn"]
    message = (
        f"The repository with name '{name}' does not exist in the registry with id '{ACCOUNT}'"
    )
    for operation, title in (
        ("delete-repository", "DeleteRepository"),
        ("list-images", "ListImages"),
        ("describe-images", "DescribeImages"),
    ):
        assert failure(title, "RepositoryNotFoundException", message) in aws.refused(
            "ecr", operation, *option
        )


def test_a_repository_with_images_is_deleted_with_force_only(
    aws: Program, repository: str, image: images.Image
) -> None:
    option = ("--repository-name", repository)
    message = (
        f"The repository with name '{repository}' in registry with id '{ACCOUNT}'"
        " cannot be deleted because it still contains images"
    )
    refused = aws.refused("ecr", "delete-repository", *option)
    assert failure("DeleteRepository", "RepositoryNotEmptyException", message) in refused
    ecr(aws, "delete-repository", *option, "--force")
    aws.refused("ecr", "describe-repositories", "--repository-names", repository)


def test_an_invalid_name_is_explained(aws: Program) -> None:
    refused = aws.refused("ecr", "create-repository", "--repository-name", "Upper/Case")
    assert "(InvalidParameterException) when calling the CreateRepository operation" in refused
    assert "Invalid parameter at 'repositoryName' failed to satisfy constraint:" in refused
    assert "must satisfy regular expression" in refused


def test_images_are_listed_and_described(
    aws: Program, repository: str, image: images.Image
) -> None:
    option = ("--repository-name", repository)
    listed = ecr(aws, "list-images", *option)["imageIds"]
    assert listed == [{"imageDigest": image.digest, "imageTag": "v1"}]

    (detail,) = ecr(aws, "describe-images", *option, "--image-ids", "imageTag=v1")["imageDetails"]
    assert detail["registryId"] == ACCOUNT
    assert detail["repositoryName"] == repository
    assert detail["imageDigest"] == image.digest
    assert detail["imageTags"] == ["v1"]
    assert detail["imageManifestMediaType"] == images.OCI_MANIFEST
    assert detail["artifactMediaType"] == images.OCI_CONFIG
    layers = sum(len(blob.content) for blob in image.blobs[1:])
    whole = layers + len(image.blobs[0].content) + len(image.manifest)
    assert layers <= detail["imageSizeInBytes"] <= whole
    age = datetime.now(UTC) - moment(detail["imagePushedAt"])
    assert timedelta(seconds=-2) < age < timedelta(minutes=5)


def test_describing_a_missing_image(aws: Program, repository: str) -> None:
    refused = aws.refused(
        "ecr", "describe-images", "--repository-name", repository, "--image-ids", "imageTag=none"
    )
    message = (
        "The image with imageId {imageDigest:'null', imageTag:'none'} does not exist within the"
        f" repository with name '{repository}' in the registry with id '{ACCOUNT}'"
    )
    assert failure("DescribeImages", "ImageNotFoundException", message) in refused


def test_retagging_as_the_user_guide_does_it(
    aws: Program, repository: str, image: images.Image
) -> None:
    option = ("--repository-name", repository)
    got = ecr(aws, "batch-get-image", *option, "--image-ids", "imageTag=v1")
    assert got["failures"] == []
    assert got["images"][0]["imageManifest"] == image.text

    manifest = ("--image-manifest", got["images"][0]["imageManifest"])
    put = ecr(aws, "put-image", *option, *manifest, "--image-tag", "stable")["image"]
    assert put["imageId"] == {"imageDigest": image.digest, "imageTag": "stable"}
    listed = ecr(aws, "list-images", *option)["imageIds"]
    assert sorted(identity["imageTag"] for identity in listed) == ["stable", "v1"]

    message = (
        f"Image with digest '{image.digest}' and tag 'stable' already exists in the repository"
        f" with name '{repository}' in registry with id '{ACCOUNT}'"
    )
    refused = aws.refused("ecr", "put-image", *option, *manifest, "--image-tag", "stable")
    assert failure("PutImage", "ImageAlreadyExistsException", message) in refused


def test_an_operation_that_is_not_there_says_so(aws: Program) -> None:
    refused = aws.refused("kms", "describe-custom-key-stores")
    assert "when calling the DescribeCustomKeyStores operation" in refused
    assert "Traceback" not in refused
