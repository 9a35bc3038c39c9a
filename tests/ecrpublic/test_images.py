"""Images in public repositories, by API: layers, PutImage, describe, tags, delete."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests import images
from tests.application import ACCOUNT, Registry, allow
from tests.ecr.calls import image, missing, refusal
from tests.ecrpublic.calls import ARN, NAME, alias_of, hold, public
from tests.identities import OTHER

A, B = image("a"), image("b")


@pytest.fixture
def held(registry: Registry) -> Registry:
    public(registry).create_repository(repositoryName=NAME)
    return registry


def upload(ecr: Any, content: bytes, **about: str) -> str:
    upload_id = ecr.initiate_layer_upload(repositoryName=NAME, **about)["uploadId"]
    last = len(content) - 1
    part = ecr.upload_layer_part(
        repositoryName=NAME,
        uploadId=upload_id,
        partFirstByte=0,
        partLastByte=last,
        layerPartBlob=content,
        **about,
    )
    assert part["lastByteReceived"] == last
    done = ecr.complete_layer_upload(
        repositoryName=NAME,
        uploadId=upload_id,
        layerDigests=[images.digest_of(content)],
        **about,
    )
    return str(done["layerDigest"])


@pytest.mark.parametrize("by", ["account", "alias"])
def test_a_whole_push(held: Registry, by: str) -> None:
    ecr = public(held)
    about = {"registryId": ACCOUNT if by == "account" else alias_of(held)}
    for blob in A.blobs:
        asked = {"repositoryName": NAME, "layerDigests": [blob.digest], **about}
        (layer,) = ecr.batch_check_layer_availability(**asked)["layers"]
        assert layer["layerAvailability"] == "UNAVAILABLE"
        assert upload(ecr, blob.content, **about) == blob.digest
        (layer,) = ecr.batch_check_layer_availability(**asked)["layers"]
        assert (layer["layerAvailability"], layer["layerSize"]) == ("AVAILABLE", len(blob.content))
    put = {"repositoryName": NAME, "imageManifest": A.text, "imageTag": "v1", **about}
    answer = ecr.put_image(**put)["image"]
    assert answer["imageId"] == {"imageDigest": A.digest, "imageTag": "v1"}
    assert answer["registryId"] == ACCOUNT
    code, _ = refusal(partial(ecr.put_image, **put))
    assert code == "ImageAlreadyExistsException"
    (detail,) = ecr.describe_images(repositoryName=NAME)["imageDetails"]
    assert detail["imageTags"] == ["v1"]
    assert detail["imageDigest"] == A.digest
    held.check_whole()


def test_what_an_upload_is_refused(held: Registry) -> None:
    ecr = public(held)
    upload(ecr, b"here already")
    code, _ = refusal(lambda: upload(ecr, b"here already"))
    assert code == "LayerAlreadyExistsException"
    begun = ecr.initiate_layer_upload(repositoryName=NAME)["uploadId"]
    complete = partial(ecr.complete_layer_upload, repositoryName=NAME, uploadId=begun)
    nothing = [images.digest_of(b"")]
    assert refusal(partial(complete, layerDigests=nothing))[0] == "EmptyUploadException"
    part = partial(ecr.upload_layer_part, repositoryName=NAME, uploadId=begun)
    code, _ = refusal(partial(part, partFirstByte=5, partLastByte=5, layerPartBlob=b"x"))
    assert code == "InvalidLayerPartException"
    part(partFirstByte=0, partLastByte=0, layerPartBlob=b"x")
    assert refusal(partial(complete, layerDigests=nothing))[0] == "InvalidLayerException"
    assert refusal(partial(complete, layerDigests=nothing))[0] == "UploadNotFoundException"
    code, _ = refusal(
        lambda: ecr.put_image(repositoryName=NAME, imageManifest=A.text, imageTag="v1")
    )
    assert code == "LayersNotFoundException"
    lost = images.index({"amd64": A})
    code, _ = refusal(lambda: ecr.put_image(repositoryName=NAME, imageManifest=lost.text))
    assert code == "ReferencedImagesNotFoundException"
    hold(held, A)
    code, _ = refusal(
        lambda: ecr.put_image(repositoryName=NAME, imageManifest=A.text, imageDigest=B.digest)
    )
    assert code == "ImageDigestDoesNotMatchException"


def test_described_in_pages_or_by_name(held: Registry) -> None:
    ecr = public(held)
    made = [image(str(number)) for number in range(5)]
    for number, each in enumerate(made):
        hold(held, each, f"v{number}")
    first = ecr.describe_images(repositoryName=NAME, maxResults=2)
    second = ecr.describe_images(repositoryName=NAME, nextToken=first["nextToken"])
    assert "nextToken" not in second
    found = [each["imageDigest"] for page in (first, second) for each in page["imageDetails"]]
    assert found == [each.digest for each in made]
    ids = [{"imageTag": "v3"}, {"imageDigest": made[3].digest}]
    (detail,) = ecr.describe_images(repositoryName=NAME, imageIds=ids)["imageDetails"]
    assert detail["imageTags"] == ["v3"]
    code, _ = refusal(
        lambda: ecr.describe_images(repositoryName=NAME, imageIds=[{"imageTag": "no"}])
    )
    assert code == "ImageNotFoundException"
    code, _ = refusal(lambda: ecr.describe_images(repositoryName=NAME, imageIds=ids, maxResults=1))
    assert code == "InvalidParameterException"


def test_the_tags_in_pages(held: Registry) -> None:
    ecr = public(held)
    for tag in ("b", "a", "c"):
        hold(held, A, tag)
    hold(held, B, "d")
    first = ecr.describe_image_tags(repositoryName=NAME, maxResults=2)
    hold(held, B, "0")
    rest = ecr.describe_image_tags(repositoryName=NAME, nextToken=first["nextToken"])
    found = [*first["imageTagDetails"], *rest["imageTagDetails"]]
    assert [(each["imageTag"], each["imageDetail"]["imageDigest"]) for each in found] == [
        ("a", A.digest),
        ("b", A.digest),
        ("c", A.digest),
        ("d", B.digest),
    ]
    assert found[0]["createdAt"] >= found[0]["imageDetail"]["imagePushedAt"]
    assert found[0]["imageDetail"]["imageManifestMediaType"] == images.OCI_MANIFEST


def test_deleted_in_batches(held: Registry) -> None:
    ecr = public(held)
    hold(held, A, "v1")
    hold(held, images.multi_arch(), "all")
    child = images.multi_arch().children[0].digest
    ids = [{"imageTag": "v1"}, {"imageTag": "none"}, {"imageDigest": child}]
    answer = ecr.batch_delete_image(repositoryName=NAME, imageIds=ids)
    assert answer["imageIds"] == [{"imageDigest": A.digest, "imageTag": "v1"}]
    codes = [each["failureCode"] for each in answer["failures"]]
    assert codes == ["ImageNotFound", "ImageReferencedByManifestList"]


def test_what_is_not_there(held: Registry) -> None:
    ecr = public(held)
    name = {"repositoryName": "tools/none"}
    calls: list[Any] = [
        partial(ecr.describe_images, **name),
        partial(ecr.describe_image_tags, **name),
        partial(ecr.put_image, **name, imageManifest=A.text),
        partial(ecr.batch_delete_image, **name, imageIds=[{"imageTag": "a"}]),
        partial(ecr.initiate_layer_upload, **name),
        partial(ecr.batch_check_layer_availability, **name, layerDigests=[A.digest]),
    ]
    for call in calls:
        assert refusal(call) == missing("tools/none")


def test_who_may(held: Registry) -> None:
    stranger = public(held, held.user("stranger", allow("ecr:*")))
    foreign = public(held, held.user("mallory", allow("*"), account=OTHER))
    for client in (stranger, foreign):
        about = {"repositoryName": NAME, "registryId": ACCOUNT}
        calls: list[Any] = [
            partial(client.describe_images, **about),
            partial(client.describe_image_tags, **about),
            partial(client.put_image, **about, imageManifest=A.text),
            partial(client.batch_delete_image, **about, imageIds=[{"imageTag": "a"}]),
            partial(client.initiate_layer_upload, **about),
            partial(client.batch_check_layer_availability, **about, layerDigests=[A.digest]),
        ]
        for call in calls:
            code, message = refusal(call)
            assert code == "AccessDeniedException"
            assert ARN in message
