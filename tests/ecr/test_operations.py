"""ECR's operations as boto3 sees them: answers, documented exceptions, partial failures, pages."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from botocore.exceptions import ClientError

from registry.values.digest import Digest
from tests import images
from tests.application import ACCOUNT, SCOPE, OpenRegistry, Registry, allow, on
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


class TestTokens:
    def test_a_token_signs_docker_in(self, registry: Registry) -> None:
        user = registry.user("ada", allow("ecr:GetAuthorizationToken"))
        (data,) = registry.ecr(user).get_authorization_token()["authorizationData"]
        assert data["proxyEndpoint"] == "http://registry.test:5000"
        left = data["expiresAt"] - datetime.now(UTC)
        assert timedelta(hours=11, minutes=59) < left <= timedelta(hours=12)
        header = f"Basic {data['authorizationToken']}"
        assert base64.b64decode(data["authorizationToken"]).startswith(b"AWS:")
        with registry.anyone({"authorization": header}) as client:
            assert client.get("/v2/").status_code == 200

    def test_only_for_who_may(self, registry: Registry) -> None:
        user = registry.user("ada", allow("ecr:ListImages"))
        code, message = refusal(lambda: registry.ecr(user).get_authorization_token())
        assert code == "AccessDeniedException"
        assert f"{user.user.arn} is not authorized to perform: ecr:GetAuthorizationToken" in message


def test_every_operation_refuses_who_may_not(registry: Registry) -> None:
    registry.create(NAME)
    user = registry.user("ada", allow("ecr:*", resource=on("other/*")))
    ecr = registry.ecr(user)
    before = registry.stored()
    for action, call in (
        ("CreateRepository", lambda: ecr.create_repository(repositoryName=NAME)),
        ("DeleteRepository", lambda: ecr.delete_repository(repositoryName=NAME)),
        ("DescribeRepositories", lambda: ecr.describe_repositories(repositoryNames=[NAME])),
        ("DescribeRepositories", ecr.describe_repositories),
        ("ListImages", lambda: ecr.list_images(repositoryName=NAME)),
        ("DescribeImages", lambda: ecr.describe_images(repositoryName=NAME)),
        ("BatchGetImage", lambda: ecr.batch_get_image(repositoryName=NAME, imageIds=[{}])),
        ("PutImage", lambda: ecr.put_image(repositoryName=NAME, imageManifest="{}")),
    ):
        code, message = refusal(call)
        assert code == "AccessDeniedException"
        assert f"ecr:{action} on resource" in message
    assert registry.stored() == before


def test_ended_rights_end_signatures_at_once_on_every_worker(registry: Registry) -> None:
    user, beside = registry.user("ada", allow("*")), registry.beside()
    for worker in (registry, beside):
        assert worker.ecr(user).describe_repositories()["repositories"] == []
    registry.set_user_active(user, active=False)
    for worker in (registry, beside):
        code, _ = refusal(lambda worker=worker: worker.ecr(user).describe_repositories())  # type: ignore[misc]  # bound now
        assert code == "UnrecognizedClientException"
    beside.close()


def test_what_is_not_here_yet_says_so(registry: Registry, client: httpx.Client) -> None:
    kms = registry.aws("kms", registry.admin.id, registry.admin.secret)
    code, message = refusal(kms.describe_custom_key_stores)
    assert (code, "DescribeCustomKeyStores" in message) == ("UnknownOperationException", True)
    target = "AmazonEC2ContainerRegistry_V20150921.ListImages"
    unsigned = client.post("/", headers={"x-amz-target": target})
    assert unsigned.status_code == 400
    assert json.loads(unsigned.text)["__type"]
