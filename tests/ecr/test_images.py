"""ECR's operations on images: answers, documented exceptions, partial failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests import images
from tests.application import ACCOUNT, SCOPE, OpenRegistry, Registry
from tests.ecr.calls import NAME, image, refusal

if TYPE_CHECKING:
    from types_boto3_ecr.client import ECRClient


@pytest.fixture
def ecr(registry: Registry) -> ECRClient:
    return registry.ecr()


class TestImages:
    @pytest.fixture(autouse=True)
    def _repository(self, registry: Registry) -> None:
        registry.create(NAME)

    def test_described(self, registry: Registry, ecr: ECRClient) -> None:
        subject = image()
        registry.hold(NAME, subject, "v1")
        registry.hold(NAME, subject, "a1")
        signature = images.artifact("application/sig", b"signed", subject)
        registry.hold(NAME, signature)
        first, second = ecr.describe_images(repositoryName=NAME)["imageDetails"]
        assert (first["imageDigest"], first["imageTags"]) == (subject.digest, ["a1", "v1"])
        size = len(subject.manifest) + sum(len(blob.content) for blob in subject.blobs)
        assert first["imageSizeInBytes"] == size
        assert first["imageManifestMediaType"] == images.OCI_MANIFEST
        assert "imageTags" not in second
        assert second["artifactMediaType"] == "application/sig"
        assert second["subjectManifestDigest"] == subject.digest
        named = ecr.describe_images(
            repositoryName=NAME, imageIds=[{"imageTag": "v1"}, {"imageTag": "a1"}]
        )
        assert named["imageDetails"] == [first]

    def test_one_that_is_missing_is_named(self, ecr: ECRClient) -> None:
        code, message = refusal(
            lambda: ecr.describe_images(repositoryName=NAME, imageIds=[{"imageTag": "none"}])
        )
        assert (code, message) == (
            "ImageNotFoundException",
            "The image with imageId {imageDigest:'null', imageTag:'none'} does not exist within"
            f" the repository with name '{NAME}' in the registry with id '{ACCOUNT}'",
        )

    def test_a_batch_tells_why_each_failed(self, registry: Registry, ecr: ECRClient) -> None:
        first, second = image("a"), image("b")
        registry.hold(NAME, first, "v1")
        registry.hold(NAME, second, "v2")
        ids: Any = [
            {"imageTag": "v1"}, {"imageDigest": second.digest}, {"imageTag": "none"},
            {"imageTag": "v1", "imageDigest": second.digest}, {}, {"imageDigest": "sha256:1"},
        ]  # fmt: skip
        answer = ecr.batch_get_image(repositoryName=NAME, imageIds=ids)
        assert [found["imageManifest"] for found in answer["images"]] == [first.text, second.text]
        assert answer["images"][0]["imageId"] == {"imageDigest": first.digest, "imageTag": "v1"}
        assert [(f["failureCode"], f["imageId"]) for f in answer["failures"]] == [
            ("ImageNotFound", ids[2]),
            ("ImageTagDoesNotMatchDigest", ids[3]),
            ("MissingDigestAndTag", ids[4]),
            ("InvalidImageDigest", ids[5]),
        ]
        accepted = ecr.batch_get_image(
            repositoryName=NAME, imageIds=[ids[0]], acceptedMediaTypes=[images.DOCKER_MANIFEST]
        )
        assert accepted["images"] == []
        assert accepted["failures"][0]["failureCode"] == "ImageNotFound"

    def test_a_disabled_key_fails_each_image(self, registry: Registry, ecr: ECRClient) -> None:
        key = registry.ground.keys.create("ours")
        ecr.create_repository(
            repositoryName="team/keyed",
            encryptionConfiguration={"encryptionType": "KMS", "kmsKey": key.key_id},
        )
        registry.hold("team/keyed", image(), "v1")
        ids: Any = [{"imageTag": "v1"}]
        assert ecr.batch_get_image(repositoryName="team/keyed", imageIds=ids)["images"]
        registry.ground.keys.disable(key.key_id)
        (failure,) = ecr.batch_get_image(repositoryName="team/keyed", imageIds=ids)["failures"]
        assert failure["failureCode"] == "KmsError"

    def test_put(self, registry: Registry, ecr: ECRClient) -> None:
        whole = image()
        for blob in whole.blobs:
            registry.hold_blob(registry.repositories.get(SCOPE, NAME), blob.content)
        put = ecr.put_image(repositoryName=NAME, imageManifest=whole.text, imageTag="v1")["image"]
        assert put["imageId"] == {"imageDigest": whole.digest, "imageTag": "v1"}
        assert put["imageManifest"] == whole.text
        with registry.http() as client:
            assert client.get(f"/v2/{NAME}/manifests/v1").content == whole.manifest
        code, message = refusal(
            lambda: ecr.put_image(repositoryName=NAME, imageManifest=whole.text, imageTag="v1")
        )
        assert code == "ImageAlreadyExistsException"
        assert whole.digest in message
        ecr.put_image(repositoryName=NAME, imageManifest=whole.text, imageTag="v2")

    def test_put_refuses_what_the_protocol_would(self, registry: Registry, ecr: ECRClient) -> None:
        whole, listed = image(), images.multi_arch()
        before = registry.stored()
        for text, digest, code, named in (
            (whole.text, None, "LayersNotFoundException", whole.blobs[0].digest),
            ("{}", None, "InvalidParameterException", "mediaType"),
            ("not json", None, "InvalidParameterException", "not JSON"),
            (whole.text, listed.digest, "ImageDigestDoesNotMatchException", whole.digest),
            (whole.text, "sha256:1", "InvalidParameterException", "sha256:1"),
        ):
            extra: Any = {"imageDigest": digest} if digest else {}
            got = refusal(
                lambda text=text, extra=extra: ecr.put_image(  # type: ignore[misc]  # bound now
                    repositoryName=NAME, imageManifest=text, **extra
                )
            )
            assert got[0] == code
            assert named in got[1]
        assert registry.stored() == before

    def test_put_names_missing_images(self, open_one: OpenRegistry) -> None:
        registry = open_one(sparse_manifests="none")
        registry.create(NAME)
        listed = images.multi_arch()
        code, message = refusal(
            lambda: registry.ecr().put_image(repositoryName=NAME, imageManifest=listed.text)
        )
        assert code == "ReferencedImagesNotFoundException"
        assert listed.children[0].digest in message

    def test_put_keeps_immutable_tags(self, registry: Registry, ecr: ECRClient) -> None:
        registry.create("team/fixed", mutability="IMMUTABLE")
        first, second = image("a"), image("b")
        registry.hold("team/fixed", first, "v1")
        registry.hold("team/fixed", second)
        assert refusal(
            lambda: ecr.put_image(
                repositoryName="team/fixed", imageManifest=second.text, imageTag="v1"
            )
        ) == (
            "ImageTagAlreadyExistsException",
            "The image tag 'v1' already exists in the 'team/fixed' repository"
            " and cannot be overwritten because the repository is immutable.",
        )
        code, _ = refusal(
            lambda: ecr.put_image(
                repositoryName="team/fixed", imageManifest=first.text, imageTag="v1"
            )
        )
        assert code == "ImageAlreadyExistsException"

    @pytest.mark.parametrize("tag", ["-x", "a b", "x" * 129])
    def test_put_refuses_other_tags(self, ecr: ECRClient, tag: str) -> None:
        code, _ = refusal(
            lambda: ecr.put_image(repositoryName=NAME, imageManifest=image().text, imageTag=tag)
        )
        assert code == "InvalidParameterException"

    def test_half_a_surrogate_pair_is_no_text(self, ecr: ECRClient) -> None:
        with pytest.raises(ClientError) as caught:
            ecr.put_image(repositoryName=NAME, imageManifest='{"a": "\ud800"}')
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
