"""Listings of ECR in pages: nothing skipped, nothing twice, tokens for one caller alone."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from registry.values.digest import Digest
from tests import images
from tests.application import SCOPE, Registry, allow
from tests.ecr.calls import NAME, image, refusal

if TYPE_CHECKING:
    from types_boto3_ecr.client import ECRClient


@pytest.fixture
def ecr(registry: Registry) -> ECRClient:
    return registry.ecr()


class TestPages:
    @pytest.fixture
    def seven(self, registry: Registry) -> list[images.Image]:
        registry.create(NAME)
        made = [image(str(number)) for number in range(7)]
        for number, each in enumerate(made):
            registry.hold(NAME, each, f"v{number}")
        return made

    def test_writes_between_pages_neither_skip_nor_repeat(
        self, registry: Registry, ecr: ECRClient, seven: list[images.Image]
    ) -> None:
        first = ecr.list_images(repositoryName=NAME, maxResults=3)
        repository = registry.repositories.get(SCOPE, NAME)
        for gone in (0, 2):
            registry.images.delete(repository, Digest.parse(seven[gone].digest))
        registry.hold(NAME, image("new"), "new")
        rest, token = [], first["nextToken"]
        while token:
            page = ecr.list_images(repositoryName=NAME, maxResults=2, nextToken=token)
            rest += page["imageIds"]
            token = page.get("nextToken", "")
        found = [entry["imageTag"] for entry in [*first["imageIds"], *rest]]
        assert found == ["v0", "v1", "v2", "v3", "v4", "v5", "v6", "new"]

    def test_repositories_by_name(self, registry: Registry, ecr: ECRClient) -> None:
        for name in ("cc", "aa", "dd", "bb"):
            registry.create(name)
        first = ecr.describe_repositories(maxResults=2)
        registry.repositories.delete(SCOPE, "bb")
        registry.create("ab")
        second = ecr.describe_repositories(maxResults=2, nextToken=first["nextToken"])
        names = [
            item["repositoryName"] for page in (first, second) for item in page["repositories"]
        ]
        assert names == ["aa", "bb", "cc", "dd"]
        assert "nextToken" not in second

    def test_a_token_is_good_for_its_caller_and_listing_alone(
        self, registry: Registry, ecr: ECRClient, seven: list[images.Image]
    ) -> None:
        token = ecr.list_images(repositoryName=NAME, maxResults=3)["nextToken"]
        assert seven[2].digest not in token
        assert b"v2" not in base64.urlsafe_b64decode(token)
        registry.create("team/other")
        stranger = registry.ecr(registry.user("ada", allow("*")))
        filtered: Any = {"tagStatus": "TAGGED"}
        for call in (
            lambda: stranger.list_images(repositoryName=NAME, nextToken=token),
            lambda: ecr.list_images(repositoryName="team/other", nextToken=token),
            lambda: ecr.list_images(repositoryName=NAME, nextToken=token, filter=filtered),
            lambda: ecr.describe_images(repositoryName=NAME, nextToken=token),
            lambda: ecr.describe_repositories(nextToken=token),
            lambda: ecr.list_images(repositoryName=NAME, nextToken=token[:-4]),
            lambda: ecr.list_images(repositoryName=NAME, nextToken="é"),
            lambda: ecr.list_images(repositoryName=NAME, nextToken=""),
        ):
            code, message = refusal(call)
            assert code == "InvalidParameterException"
            assert "nextToken" in message

    @pytest.mark.usefixtures("seven")
    def test_names_and_pages_do_not_mix(self, ecr: ECRClient) -> None:
        for call in (
            lambda: ecr.describe_images(
                repositoryName=NAME, imageIds=[{"imageTag": "v0"}], maxResults=3
            ),
            lambda: ecr.describe_repositories(repositoryNames=[NAME], maxResults=3),
        ):
            code, message = refusal(call)
            assert (code, "maxResults" in message) == ("InvalidParameterException", True)

    @pytest.mark.usefixtures("seven")
    @pytest.mark.parametrize("count", [0, 1001])
    def test_a_page_has_1_to_1000_entries(self, ecr: ECRClient, count: int) -> None:
        code, message = refusal(lambda: ecr.list_images(repositoryName=NAME, maxResults=count))
        assert (code, "maxResults" in message) == ("InvalidParameterException", True)
