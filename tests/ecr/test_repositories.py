"""ECR's operations on repositories, as boto3 sees them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.application import ACCOUNT, Registry, on
from tests.ecr.calls import NAME, image, missing, refusal

if TYPE_CHECKING:
    from types_boto3_ecr.client import ECRClient


@pytest.fixture
def ecr(registry: Registry) -> ECRClient:
    return registry.ecr()


def excluding(*filters: str) -> dict[str, Any]:
    """Options of an immutable repository with these exclusions."""
    return {
        "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
        "imageTagMutabilityExclusionFilters": [
            {"filterType": "WILDCARD", "filter": text} for text in filters
        ],
    }


class TestRepositories:
    def test_create_describe_delete(self, ecr: ECRClient) -> None:
        made = ecr.create_repository(
            repositoryName=NAME,
            imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
            imageTagMutabilityExclusionFilters=[{"filterType": "WILDCARD", "filter": "dev-*"}],
            imageScanningConfiguration={"scanOnPush": True},
            tags=[{"Key": "team", "Value": "blue"}],
        )["repository"]
        assert made["repositoryArn"] == on(NAME)
        assert made["repositoryUri"] == f"registry.test:5000/{NAME}"
        assert made["registryId"] == ACCOUNT
        assert made["imageScanningConfiguration"] == {"scanOnPush": True}
        assert made["encryptionConfiguration"] == {"encryptionType": "AES256"}
        assert abs(datetime.now(UTC) - made["createdAt"]) < timedelta(minutes=1)
        assert ecr.describe_repositories(repositoryNames=[NAME])["repositories"] == [made]
        gone = ecr.delete_repository(repositoryName=NAME)["repository"]
        assert gone["repositoryArn"] == made["repositoryArn"]
        assert ecr.describe_repositories()["repositories"] == []

    def test_what_exists_or_is_missing_is_named(self, ecr: ECRClient) -> None:
        ecr.create_repository(repositoryName=NAME)
        assert refusal(lambda: ecr.create_repository(repositoryName=NAME)) == (
            "RepositoryAlreadyExistsException",
            f"The repository with name '{NAME}' already exists in the registry with id '{ACCOUNT}'",
        )
        for call in (
            lambda: ecr.delete_repository(repositoryName="team/none"),
            lambda: ecr.describe_repositories(repositoryNames=[NAME, "team/none"]),
            lambda: ecr.list_images(repositoryName="team/none"),
            lambda: ecr.describe_images(repositoryName="team/none"),
            lambda: ecr.batch_get_image(repositoryName="team/none", imageIds=[{"imageTag": "a"}]),
            lambda: ecr.put_image(repositoryName="team/none", imageManifest=image().text),
        ):
            assert refusal(call) == missing()

    def test_one_with_images_is_deleted_with_force_alone(
        self, registry: Registry, ecr: ECRClient
    ) -> None:
        registry.create(NAME)
        registry.hold(NAME, image(), "v1")
        code, message = refusal(lambda: ecr.delete_repository(repositoryName=NAME))
        assert code == "RepositoryNotEmptyException"
        assert message == (
            f"The repository with name '{NAME}' in registry with id '{ACCOUNT}'"
            " cannot be deleted because it still contains images"
        )
        at_once = registry.beside(undelete_days=0)
        at_once.ecr().delete_repository(repositoryName=NAME, force=True)
        at_once.close()
        assert registry.objects() == set()

    def test_keys(self, registry: Registry, ecr: ECRClient) -> None:
        key = registry.ground.keys.create("ours", "alias/ours")
        for number, reference in enumerate((key.key_id, key.arn, "alias/ours", None)):
            config: Any = {"encryptionType": "KMS"} | ({"kmsKey": reference} if reference else {})
            made = ecr.create_repository(
                repositoryName=f"team/k{number}", encryptionConfiguration=config
            )["repository"]["encryptionConfiguration"]
            assert made["encryptionType"] == "KMS"
            assert (made["kmsKey"] == key.arn) == (reference is not None)
        config = {"encryptionType": "KMS", "kmsKey": "alias/none"}
        code, message = refusal(
            lambda: ecr.create_repository(repositoryName=NAME, encryptionConfiguration=config)
        )
        assert code == "KmsException"
        assert "alias/none" in message
        registry.ground.keys.disable(key.key_id)
        config = {"encryptionType": "KMS", "kmsKey": key.key_id}
        code, message = refusal(
            lambda: ecr.create_repository(repositoryName=NAME, encryptionConfiguration=config)
        )
        assert code == "KmsException"
        assert "disabled" in message
        config = {"encryptionType": "AES256", "kmsKey": key.key_id}
        code, message = refusal(
            lambda: ecr.create_repository(repositoryName=NAME, encryptionConfiguration=config)
        )
        assert code == "InvalidParameterException"
        assert refusal(lambda: ecr.describe_repositories(repositoryNames=[NAME])) == missing(NAME)

    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({"repositoryName": "Team/App"}, "repositoryName"),
            ({"repositoryName": "a" * 257}, "repositoryName"),
            ({"repositoryName": "team//app"}, "repositoryName"),
            ({"imageTagMutability": "MUTABLE_WITH_EXCLUSION"}, "imageTagMutabilityExclusion"),
            ({"imageTagMutabilityExclusionFilters": [{"filterType": "WILDCARD", "filter": "a"}]},
             "_WITH_EXCLUSION"),
            (excluding("a*b*c*"), "at most 2 wildcards"),
            (excluding(*(f"a{n}" for n in range(6))), "xclusionFilters"),
            (excluding("a b"), "ilter"),
            ({"tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}, "tag key"),
        ],
    )  # fmt: skip
    def test_parameters_outside_their_constraints_are_named(
        self, ecr: ECRClient, options: dict[str, Any], named: str
    ) -> None:
        code, message = refusal(lambda: ecr.create_repository(**{"repositoryName": NAME} | options))
        assert code == "InvalidParameterException"
        assert named in message
        assert ecr.describe_repositories()["repositories"] == []

    def test_another_account_is_not_ours_to_touch(self, ecr: ECRClient) -> None:
        code, _ = refusal(
            lambda: ecr.create_repository(repositoryName=NAME, registryId="999999999999")
        )
        assert code == "AccessDeniedException"
