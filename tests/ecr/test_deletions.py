"""BatchDeleteImage: what goes, what stays and why, and who may."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests import images
from tests.application import SCOPE, Registry, allow, on
from tests.ecr.calls import NAME, image, missing, refusal


def delete(registry: Registry, *ids: Any, **client: Any) -> tuple[list[Any], list[tuple[str, Any]]]:
    """Identifiers that went, and the code and identifier of each that did not."""
    answer = registry.ecr(**client).batch_delete_image(repositoryName=NAME, imageIds=ids)
    return answer["imageIds"], [(f["failureCode"], f["imageId"]) for f in answer["failures"]]


def left(registry: Registry) -> set[str]:
    """Digests, and tags, that are still there."""
    found = registry.images.identifiers(registry.repositories.get(SCOPE, NAME), (0, ""), 1000)
    return {str(each.tag or each.digest) for each in found}


A, B = image("a"), image("b")


@pytest.fixture
def held(registry: Registry) -> Registry:
    """A under a1 and a2, B untagged."""
    registry.create(NAME)
    registry.hold(NAME, A, "a1")
    registry.hold(NAME, A, "a2")
    registry.hold(NAME, B)
    return registry


def test_a_tag_goes_and_the_image_with_the_last_one(held: Registry) -> None:
    assert delete(held, {"imageTag": "a1"}) == (
        [{"imageDigest": A.digest, "imageTag": "a1"}],
        [],
    )
    assert left(held) == {"a2", B.digest}
    both = {"imageTag": "a2", "imageDigest": A.digest}
    assert delete(held, both) == ([both], [])
    assert left(held) == {B.digest}


def test_a_digest_takes_all_its_tags_with_it(held: Registry) -> None:
    assert delete(held, {"imageDigest": A.digest}, {"imageDigest": B.digest}) == (
        [
            {"imageDigest": A.digest, "imageTag": "a1"},
            {"imageDigest": A.digest, "imageTag": "a2"},
            {"imageDigest": B.digest},
        ],
        [],
    )
    assert left(held) == set()


def test_an_image_named_twice_goes_once(held: Registry) -> None:
    ids = [{"imageTag": "a1"}, {"imageDigest": A.digest}, {"imageTag": "a1"}, {"imageTag": "a2"}]
    gone, failures = delete(held, *ids)
    assert failures == []
    assert gone == [{"imageDigest": A.digest, "imageTag": tag} for tag in ("a1", "a2")]


def test_each_failure_says_why_and_the_rest_goes(held: Registry) -> None:
    other = images.digest_of(b"nothing")
    ids: list[Any] = [
        {"imageTag": "none"},
        {"imageDigest": other},
        {"imageTag": "a1", "imageDigest": B.digest},
        {"imageTag": "none", "imageDigest": B.digest},
        {"imageTag": "a1", "imageDigest": other},
        {},
        {"imageDigest": "sha256:1"},
        {"imageTag": "a b"},
        {"imageTag": "a2"},
    ]
    answer = held.ecr().batch_delete_image(repositoryName=NAME, imageIds=ids)
    assert answer["imageIds"] == [{"imageDigest": A.digest, "imageTag": "a2"}]
    codes = [(each["failureCode"], each["imageId"]) for each in answer["failures"]]
    assert codes == [
        ("ImageNotFound", ids[0]),
        ("ImageNotFound", ids[1]),
        ("ImageTagDoesNotMatchDigest", ids[2]),
        ("ImageTagDoesNotMatchDigest", ids[3]),
        ("ImageNotFound", ids[4]),
        ("MissingDigestAndTag", ids[5]),
        ("InvalidImageDigest", ids[6]),
        ("InvalidImageTag", ids[7]),
    ]
    assert all(each["failureReason"] for each in answer["failures"])
    assert left(held) == {"a1", B.digest}


def test_what_an_index_lists_stays_until_the_index_goes(registry: Registry) -> None:
    registry.create(NAME)
    index = images.multi_arch()
    registry.hold(NAME, index, "all")
    first, second = index.children
    registry.hold(NAME, first, "one")
    answer = registry.ecr().batch_delete_image(
        repositoryName=NAME, imageIds=[{"imageTag": "one"}, {"imageDigest": second.digest}]
    )
    assert answer["imageIds"] == []
    reason = f"Requested image referenced by manifest list: [{index.digest}]"
    assert [(each["failureCode"], each["failureReason"]) for each in answer["failures"]] == [
        ("ImageReferencedByManifestList", reason)
    ] * 2
    assert left(registry) == {"all", "one", second.digest}
    registry.hold(NAME, first, "two")
    assert delete(registry, {"imageTag": "two"})[1] == []
    gone, failures = delete(
        registry,
        {"imageTag": "one"},
        {"imageDigest": second.digest},
        {"imageDigest": index.digest},
    )
    assert failures == []
    assert len(gone) == 3
    assert left(registry) == set()


def test_a_key_that_is_disabled_keeps_nobody_from_deleting(registry: Registry) -> None:
    key = registry.ground.keys.create("ours")
    registry.ecr().create_repository(
        repositoryName=NAME,
        encryptionConfiguration={"encryptionType": "KMS", "kmsKey": key.key_id},
    )
    registry.hold(NAME, A, "a1")
    registry.ground.keys.disable(key.key_id)
    assert delete(registry, {"imageTag": "a1"})[1] == []
    assert left(registry) == set()


def keep(*tags: str) -> str:
    """Everything but to delete these tags."""
    deny = {
        "Effect": "Deny",
        "Action": "ecr:BatchDeleteImage",
        "Resource": "*",
        "Condition": {"StringLike": {"ecr:ImageTag": list(tags)}},
    }
    everything = json.loads(allow("*"))["Statement"]
    return json.dumps({"Version": "2012-10-17", "Statement": [*everything, deny]})


def test_who_may_not_delete_a_tag_cannot_by_the_digest(held: Registry) -> None:
    ecr = held.ecr(held.user("ada", keep("a2")))
    before = held.stored()
    refused: list[Any] = [
        [{"imageTag": "a2"}],
        [{"imageDigest": A.digest}],
        [{"imageTag": "a1"}, {"imageTag": "a2", "imageDigest": A.digest}],
        [{"imageDigest": B.digest}, {"imageDigest": A.digest}],
    ]
    for ids in refused:
        code, message = refusal(
            lambda ids=ids: ecr.batch_delete_image(repositoryName=NAME, imageIds=ids)  # type: ignore[misc]  # bound now
        )
        assert code == "AccessDeniedException"
        assert f"ecr:BatchDeleteImage on resource: {on(NAME)}" in message
    assert held.stored() == before
    allowed: Any = [{"imageTag": "a1"}, {"imageDigest": B.digest}]
    assert len(ecr.batch_delete_image(repositoryName=NAME, imageIds=allowed)["imageIds"]) == 2


def test_what_the_request_itself_can_lack(held: Registry) -> None:
    ecr = held.ecr()
    assert (
        refusal(lambda: ecr.batch_delete_image(repositoryName="team/none", imageIds=[{}]))
        == missing()
    )
    for ids in ([], [{"imageTag": "a"}] * 101):
        code, message = refusal(
            lambda ids=ids: ecr.batch_delete_image(repositoryName=NAME, imageIds=ids)  # type: ignore[misc]  # bound now
        )
        assert (code, "imageIds" in message) == ("InvalidParameterException", True)
