"""UpdateImageStorageClass: what the archive keeps from being pulled, and what brings it back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests import images
from tests.application import Registry, allow, on
from tests.ecr.calls import NAME, image, missing, refusal

A, B = image("a"), image("b")
INDEX = images.multi_arch()
SIGNATURE = images.artifact("application/sig", b"signed", A)


@pytest.fixture
def held(registry: Registry) -> Registry:
    """A under v1 and old, B untagged."""
    registry.create(NAME)
    registry.hold(NAME, A, "v1")
    registry.hold(NAME, A, "old")
    registry.hold(NAME, B)
    return registry


def move(registry: Registry, target: str, **image_id: str) -> Any:
    answer = registry.ecr().update_image_storage_class(
        repositoryName=NAME,
        imageId=image_id,  # type: ignore[arg-type]  # any identifier
        targetStorageClass=target,  # type: ignore[arg-type]  # any text
    )
    answer.pop("ResponseMetadata")  # type: ignore[misc]  # of boto3's own
    return answer


def archive(registry: Registry, image: images.Image) -> str:
    return str(move(registry, "ARCHIVE", imageDigest=image.digest)["imageStatus"])


def restore(registry: Registry, image: images.Image) -> str:
    return str(move(registry, "STANDARD", imageDigest=image.digest)["imageStatus"])


def shown(registry: Registry, status: str | None = None) -> dict[str, Any]:
    """Details by digest, as the filter lets them through."""
    chosen: Any = {"filter": {"imageStatus": status}} if status else {}
    answer = registry.ecr().describe_images(repositoryName=NAME, **chosen)
    return {each["imageDigest"]: each for each in answer["imageDetails"]}


def archived(registry: Registry) -> set[str]:
    return set(shown(registry, "ARCHIVED"))


def test_there_and_back(held: Registry) -> None:
    assert move(held, "ARCHIVE", imageTag="v1") == {
        "registryId": "123456789012",
        "repositoryName": NAME,
        "imageId": {"imageTag": "v1"},
        "imageStatus": "ARCHIVED",
    }
    assert set(shown(held)) == {B.digest}
    assert set(shown(held, "ANY")) == {A.digest, B.digest}
    assert shown(held, "ACTIVATING") == {}
    detail = shown(held, "ARCHIVED")[A.digest]
    assert detail["imageStatus"] == "ARCHIVED"
    assert detail["imageTags"] == ["old", "v1"]
    assert abs(datetime.now(UTC) - detail["lastArchivedAt"]) < timedelta(minutes=1)
    assert "lastActivatedAt" not in detail
    assert restore(held, A) == "ACTIVE"
    again = shown(held)[A.digest]
    assert again["imageStatus"] == "ACTIVE"
    assert again["lastActivatedAt"] >= again["lastArchivedAt"] == detail["lastArchivedAt"]


def test_a_named_image_is_described_whatever_its_status(held: Registry) -> None:
    archive(held, A)
    (detail,) = held.ecr().describe_images(repositoryName=NAME, imageIds=[{"imageTag": "v1"}])[
        "imageDetails"
    ]
    assert detail["imageStatus"] == "ARCHIVED"


def test_listed_by_its_filter_alone(held: Registry) -> None:
    archive(held, A)

    def listed(**wanted: Any) -> set[str]:
        ecr: Any = held.ecr()
        found = ecr.list_images(repositoryName=NAME, filter=wanted)["imageIds"]
        return {each.get("imageTag", "untagged") for each in found}

    assert listed() == {"untagged"}
    assert listed(imageStatus="ARCHIVED") == {"v1", "old"}
    assert listed(imageStatus="ARCHIVED", tagStatus="UNTAGGED") == set()
    assert listed(imageStatus="ANY") == {"v1", "old", "untagged"}
    with held.http() as docker:
        assert docker.get(f"/v2/{NAME}/tags/list").json()["tags"] == []
        restore(held, A)
        assert docker.get(f"/v2/{NAME}/tags/list").json()["tags"] == ["old", "v1"]


def test_a_token_is_of_its_filter(held: Registry) -> None:
    archive(held, A)
    ecr = held.ecr()
    archive(held, B)
    kept: Any = {"imageStatus": "ARCHIVED"}
    first = ecr.describe_images(repositoryName=NAME, maxResults=1, filter=kept)
    rest = ecr.describe_images(repositoryName=NAME, filter=kept, nextToken=first["nextToken"])
    found = [each["imageDigest"] for page in (first, rest) for each in page["imageDetails"]]
    assert found == [A.digest, B.digest]
    code, _ = refusal(
        lambda: ecr.describe_images(repositoryName=NAME, nextToken=first["nextToken"])
    )
    assert code == "InvalidParameterException"


@pytest.mark.parametrize("reference", ["v1", A.digest])
def test_it_is_not_pulled(held: Registry, reference: str) -> None:
    archive(held, A)
    with held.http() as docker:
        path = f"/v2/{NAME}/manifests/{reference}"
        answer = docker.get(path)
        assert answer.status_code == 404
        (error,) = answer.json()["errors"]
        assert error["code"] == "MANIFEST_UNKNOWN"
        assert error["message"] == (
            f"The image with digest {A.digest} is archived. Restore it before pulling it."
        )
        assert docker.head(path).status_code == 404
        restore(held, A)
        assert docker.get(path).content == A.manifest


def test_the_api_says_why_it_is_not_given(held: Registry) -> None:
    archive(held, A)
    ecr = held.ecr()
    answer = ecr.batch_get_image(
        repositoryName=NAME, imageIds=[{"imageTag": "v1"}, {"imageDigest": B.digest}]
    )
    (failure,) = answer["failures"]
    assert failure["failureCode"] == "ImageInaccessible"
    assert "is archived" in failure["failureReason"]
    assert [each["imageId"]["imageDigest"] for each in answer["images"]] == [B.digest]
    held.ground.pulls.flush(everything=True)
    assert "lastRecordedPullTime" not in shown(held, "ARCHIVED")[A.digest]
    layer = A.blobs[1].digest
    code, _ = refusal(
        lambda: ecr.get_download_url_for_layer(repositoryName=NAME, layerDigest=layer)
    )
    assert code == "LayerInaccessibleException"
    restore(held, A)
    assert ecr.get_download_url_for_layer(repositoryName=NAME, layerDigest=layer)["downloadUrl"]


def test_a_push_brings_it_back(held: Registry) -> None:
    with held.http() as docker:
        for push in ("v1", "new", None):
            archive(held, A)
            assert images.put_manifest(docker, NAME, A, push).status_code == 201
            assert shown(held)[A.digest]["imageStatus"] == "ACTIVE"
    archive(held, A)
    held.ecr().put_image(repositoryName=NAME, imageManifest=A.text, imageTag="api")
    assert A.digest in shown(held)


def test_its_tag_may_go_to_another_image(held: Registry) -> None:
    archive(held, A)
    with held.http() as docker:
        assert images.put_manifest(docker, NAME, B, "v1").status_code == 201
        assert docker.get(f"/v2/{NAME}/manifests/v1").content == B.manifest
    assert archived(held) == {A.digest}


def test_an_immutable_tag_stays_on_it(registry: Registry) -> None:
    registry.create(NAME, mutability="IMMUTABLE")
    registry.hold(NAME, A, "v1")
    registry.hold(NAME, B)
    archive(registry, A)
    code, _ = refusal(
        lambda: registry.ecr().put_image(repositoryName=NAME, imageManifest=B.text, imageTag="v1")
    )
    assert code == "ImageTagAlreadyExistsException"


def test_what_an_index_lists_goes_with_it_and_comes_back(held: Registry) -> None:
    held.hold(NAME, INDEX, "all")
    first, second = INDEX.children
    held.hold(NAME, second, "arm")
    code, message = refusal(lambda: archive(held, first))
    assert code == "ImageStorageClassUpdateNotSupportedException"
    assert "archive the index" in message
    archive(held, INDEX)
    assert archived(held) == {INDEX.digest, first.digest}  # the second has a tag of its own
    held.ecr().batch_delete_image(repositoryName=NAME, imageIds=[{"imageTag": "arm"}])
    assert archive(held, second) == "ARCHIVED"  # now that nothing active lists it
    restore(held, INDEX)
    assert archived(held) == set()


def test_an_image_of_two_indexes_stays_until_both_are_archived(held: Registry) -> None:
    first, second = INDEX.children
    other = images.index({"amd64": first})
    held.hold(NAME, INDEX, "all")
    held.hold(NAME, other, "amd")
    archive(held, INDEX)
    assert archived(held) == {INDEX.digest, second.digest}
    archive(held, other)
    assert archived(held) == {INDEX.digest, other.digest, first.digest, second.digest}
    with held.http() as docker:
        images.push(docker, NAME, images.index({"arm64": second}), "arm")
    assert archived(held) == {INDEX.digest, other.digest, first.digest}  # a new index needs it


def test_signatures_go_with_their_image(held: Registry) -> None:
    counter = images.artifact("application/sig", b"counter", SIGNATURE)
    for artifact in (SIGNATURE, counter):
        held.hold(NAME, artifact)
    archive(held, A)
    assert archived(held) == {A.digest, SIGNATURE.digest, counter.digest}

    def referrers(**wanted: Any) -> list[Any]:
        answer = held.ecr().list_image_referrers(
            repositoryName=NAME,
            subjectId={"imageDigest": A.digest},
            filter=wanted,  # type: ignore[arg-type]  # any filter
        )
        return [(each["digest"], each["artifactStatus"]) for each in answer["referrers"]]

    assert referrers() == []
    assert referrers(artifactStatus="ARCHIVED") == [(SIGNATURE.digest, "ARCHIVED")]
    assert referrers(artifactStatus="ANY") == [(SIGNATURE.digest, "ARCHIVED")]
    with held.http() as docker:
        path = f"/v2/{NAME}/referrers/{A.digest}"
        assert docker.get(path).json()["manifests"] == []
        restore(held, A)
        assert len(docker.get(path).json()["manifests"]) == 1
    assert archived(held) == set()


def test_again_changes_nothing(held: Registry) -> None:
    archive(held, A)
    before = held.rows()["images"]
    assert archive(held, A) == "ARCHIVED"
    assert restore(held, B) == "ACTIVE"
    assert held.rows()["images"] == before


def test_an_archived_image_is_deleted_as_any_other(held: Registry) -> None:
    archive(held, A)
    answer = held.ecr().batch_delete_image(
        repositoryName=NAME, imageIds=[{"imageDigest": A.digest}]
    )
    assert answer["failures"] == []
    assert set(shown(held, "ANY")) == {B.digest}


def test_what_is_refused(held: Registry) -> None:
    ecr: Any = held.ecr()

    def given(**changed: Any) -> tuple[str, str]:
        parameters = {
            "repositoryName": NAME,
            "imageId": {"imageTag": "v1"},
            "targetStorageClass": "ARCHIVE",
        }
        return refusal(lambda: ecr.update_image_storage_class(**(parameters | changed)))

    assert given(repositoryName="team/none") == missing()
    code, message = given(imageId={"imageTag": "none"})
    assert code == "ImageNotFoundException"
    assert "imageTag:'none'" in message
    assert given(imageId={})[0] == "InvalidParameterException"
    assert given(imageId={"imageDigest": "sha256:x"})[0] == "InvalidParameterException"
    assert given(targetStorageClass="GLACIER") == (
        "InvalidParameterException",
        "Invalid parameter at 'targetStorageClass' failed to satisfy constraint: 'Member must"
        " satisfy enum value set: [STANDARD, ARCHIVE]'",
    )


def test_who_may(held: Registry) -> None:
    update = "ecr:UpdateImageStorageClass"
    kept = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": update, "Resource": on(NAME)},
        {"Effect": "Deny", "Action": update, "Resource": "*",
         "Condition": {"StringEquals": {"ecr:ImageTag": "v1"}}},
    ]})  # fmt: skip
    careful = held.ecr(held.user("careful", kept))
    stranger = held.ecr(held.user("stranger", allow("ecr:PutImage")))

    def tried(client: Any, **image_id: str) -> str:
        def call() -> None:
            client.update_image_storage_class(
                repositoryName=NAME, imageId=image_id, targetStorageClass="ARCHIVE"
            )

        return refusal(call)[0]

    assert tried(stranger, imageTag="old") == "AccessDeniedException"
    assert tried(careful, imageTag="v1") == "AccessDeniedException"
    assert tried(careful, imageDigest=A.digest) == "AccessDeniedException"  # it has that tag too
    assert archived(held) == set()
    careful.update_image_storage_class(
        repositoryName=NAME, imageId={"imageDigest": B.digest}, targetStorageClass="ARCHIVE"
    )
    assert archived(held) == {B.digest}
