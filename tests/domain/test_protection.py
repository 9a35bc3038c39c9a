"""What is protected stays, whatever way it is to be deleted."""

from __future__ import annotations

from typing import Any

import pytest

from registry.domain.protection import LABEL, Protection, Protections
from registry.values.digest import Digest
from registry.values.errors import ParameterInvalid, Protected
from tests import images
from tests.application import SCOPE, Registry
from tests.ecr.calls import refusal
from tests.oci.bodies import Unchanged, refused

NAME = "team/app"
ARN = SCOPE.repository_arn(NAME)
A, B = (images.oci_image(images.layer({"n": name})) for name in (b"a", b"b"))


@pytest.fixture
def held(registry: Registry) -> Registry:
    """A under v1 and latest, B under dev."""
    registry.create(NAME)
    registry.hold(NAME, A, "v1")
    registry.hold(NAME, A, "latest")
    registry.hold(NAME, B, "dev")
    return registry


def protect(registry: Registry, *patterns: str, itself: bool | None = None) -> Protection:
    repository = registry.repositories.get(SCOPE, NAME)
    found = Protections(registry.ground.database)
    return found.set(repository, itself=itself, patterns=patterns or None)


def failures(registry: Registry, *ids: dict[str, str]) -> list[tuple[str | None, str | None]]:
    wanted: Any = ids
    answer = registry.ecr().batch_delete_image(repositoryName=NAME, imageIds=wanted)
    return [(each.get("failureCode"), each.get("failureReason")) for each in answer["failures"]]


def test_a_tag_and_its_image_stay(held: Registry) -> None:
    protect(held, "v*", "release-?")
    reason = f"the tag 'v1' of the repository '{NAME}' is protected from deletion"
    with Unchanged(held), held.http() as client:
        for reference in ("v1", A.digest):
            answer = client.delete(f"/v2/{NAME}/manifests/{reference}")
            refused(answer, 403, "DENIED", reason)
        for image_id in ({"imageTag": "v1"}, {"imageDigest": A.digest}):
            assert failures(held, image_id) == [("ImageInaccessible", reason)]
        assert refusal(lambda: held.ecr().delete_repository(repositoryName=NAME, force=True)) == (
            "InvalidParameterException",
            reason,
        )
    with held.http() as client:
        assert client.delete(f"/v2/{NAME}/manifests/latest").status_code == 202
    # Of several, only what is protected stays.
    both = ({"imageDigest": A.digest}, {"imageDigest": B.digest})
    assert failures(held, *both) == [("ImageInaccessible", reason)]
    assert held.images.tag_page(held.repositories.get(SCOPE, NAME), "", 9) == ["v1"]


def test_the_patterns_given_replace_the_others(held: Registry) -> None:
    assert protect(held, "v*", itself=True) == Protection(True, ("v*",))
    assert protect(held, "dev") == Protection(True, ("dev",))
    found = Protections(held.ground.database)
    repository = held.repositories.get(SCOPE, NAME)
    assert found.set(repository, itself=False, patterns=[]) == Protection()
    held.images.delete(repository, Digest.parse(A.digest))
    held.repositories.delete(SCOPE, NAME, force=True)


def test_a_repository_stays_and_its_images_go(held: Registry) -> None:
    protect(held, itself=True)
    delete = held.ecr().delete_repository
    assert refusal(lambda: delete(repositoryName=NAME, force=True)) == (
        "InvalidParameterException",
        f"the repository '{NAME}' is protected from deletion",
    )
    assert refusal(lambda: delete(repositoryName=NAME))[0] == "RepositoryNotEmptyException"
    assert failures(held, {"imageDigest": A.digest}, {"imageDigest": B.digest}) == []
    with pytest.raises(Protected):
        held.repositories.delete(SCOPE, NAME)


@pytest.mark.parametrize(
    ("value", "protected"),
    [("true", True), ("yes", True), ("please", True), ("false", False), (" Off", False),
     ("", False), ("0", False), ("disabled", False), ("no", False)],
)  # fmt: skip
def test_by_a_resource_tag(held: Registry, value: str, protected: bool) -> None:
    ecr = held.ecr()
    ecr.tag_resource(resourceArn=ARN, tags=[{"Key": LABEL, "Value": value}])
    if protected:
        code, message = refusal(lambda: ecr.delete_repository(repositoryName=NAME, force=True))
        assert code == "InvalidParameterException"
        assert message.endswith(f"is protected from deletion by its resource tag {LABEL}")
        ecr.untag_resource(resourceArn=ARN, tagKeys=[LABEL])
    ecr.delete_repository(repositoryName=NAME, force=True)


def test_it_goes_to_rest_and_comes_back_with_the_repository(held: Registry) -> None:
    from registry.domain.undelete import Undelete  # noqa: PLC0415 - for this test alone

    protect(held, "release-*")
    held.repositories.delete(SCOPE, NAME, force=True)
    undelete = Undelete(held.ground.database)
    undelete.restore(SCOPE, undelete.page(SCOPE, None, None, 1)[0].id)
    found = Protections(held.ground.database).of(held.repositories.get(SCOPE, NAME))
    assert found.tags == ("release-*",)


@pytest.mark.parametrize("patterns", [["x"] * 51, ["a b"], ["é"], [""], ["x" * 129]])
def test_what_is_no_pattern(held: Registry, patterns: list[str]) -> None:
    with Unchanged(held), pytest.raises(ParameterInvalid, match="pattern"):
        protect(held, *patterns)


class TestImmutable:
    """PROJQUAY-10504."""

    @pytest.fixture
    def fixed(self, held: Registry) -> Registry:
        """Only `dev` may move."""
        held.ecr().put_image_tag_mutability(
            repositoryName=NAME,
            imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
            imageTagMutabilityExclusionFilters=[{"filterType": "WILDCARD", "filter": "dev*"}],
        )
        return held

    def test_as_at_aws_it_can_be_deleted(self, fixed: Registry) -> None:
        assert failures(fixed, {"imageDigest": A.digest}) == []
        fixed.ecr().delete_repository(repositoryName=NAME, force=True)

    def test_where_a_setting_forbids_it_no_way_leads_around(self, fixed: Registry) -> None:
        worker = fixed.beside(delete_immutable=False)
        text = "is immutable, and the server's setting delete_immutable forbids its deletion"
        with Unchanged(fixed), worker.http() as client:
            for reference in ("v1", A.digest):
                refused(client.delete(f"/v2/{NAME}/manifests/{reference}"), 403, "DENIED", text)
            ids: list[dict[str, str]] = [
                {"imageTag": "v1"},
                {"imageDigest": A.digest},
                {"imageTag": "latest", "imageDigest": A.digest},
            ]
            found = failures(worker, *ids)
            assert [code for code, _ in found] == ["ImageInaccessible"] * 3
            assert all(reason and reason.endswith(text) for _, reason in found)
            delete = worker.ecr().delete_repository
            code, message = refusal(lambda: delete(repositoryName=NAME, force=True))
            assert code == "InvalidParameterException"
            assert message.endswith(text)
        assert failures(worker, {"imageDigest": B.digest}) == []
        worker.close()
