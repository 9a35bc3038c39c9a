"""Policies of repositories: kept, checked, and what they allow and forbid on both wires."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from registry.values.errors import RepositoryPolicyNotFound
from tests.application import ACCOUNT, SCOPE, Registry, allow, on
from tests.identities import ADMIN, OTHER
from tests.images import OCI_MANIFEST, layer, oci_image, push

PULL = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability")
INVALID = (
    "Invalid parameter at 'PolicyText' failed to satisfy constraint:"
    " 'Invalid repository policy provided': "
)


def policy(principal: Any, *actions: str, effect: str = "Allow", condition: Any = None) -> str:
    statement = {"Sid": "it", "Effect": effect, "Principal": principal, "Action": list(actions)}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def refused(call: Any, **options: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**options)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def put(registry: Registry, text: str, **options: Any) -> None:
    registry.ecr().set_repository_policy(repositoryName="team/app", policyText=text, **options)


IMAGE = oci_image(layer({"hello": b"hello"}))
NEW = oci_image(layer({"hello": b"another"}))


@pytest.fixture
def held(registry: Registry) -> Registry:
    """With an image in team/app, tagged v1."""
    registry.create("team/app")
    registry.hold("team/app", IMAGE, "v1")
    return registry


# Kept.


def test_it_is_given_back_exactly_as_it_was_set(held: Registry) -> None:
    ecr = held.ecr()
    absent = (
        "RepositoryPolicyNotFoundException",
        "Repository policy does not exist for the repository with name 'team/app' in the"
        f" registry with id '{ACCOUNT}'",
    )
    assert refused(ecr.get_repository_policy, repositoryName="team/app") == absent
    assert refused(ecr.delete_repository_policy, repositoryName="team/app") == absent
    for text in (policy("*", *PULL), "\n " + policy({"AWS": [OTHER]}, "ecr:*")):
        told = {"registryId": ACCOUNT, "repositoryName": "team/app", "policyText": text}
        for answer in (
            ecr.set_repository_policy(repositoryName="team/app", policyText=text),
            ecr.get_repository_policy(repositoryName="team/app"),
        ):
            assert {name: dict(answer)[name] for name in told} == told
    gone = ecr.delete_repository_policy(repositoryName="team/app")
    assert gone["policyText"] == text
    assert refused(ecr.get_repository_policy, repositoryName="team/app") == absent


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON: Expecting property name enclosed in double quotes (line 1, column 2)"),
        ("[]", "must be an object, not a list (line 1, column 1)"),
        (
            '{"Statement": [{"Effect": "Allow", "Action": "ecr:*"}]}',
            "Statement[0]: Principal is missing (line 1, column 16)",
        ),
        (
            policy("*", "pull"),
            "Statement[0].Action[0]: 'pull' is not an action (service:Name, wildcards allowed)"
            " (line 1, column 103)",
        ),
    ],
)
def test_what_is_no_policy_is_refused_and_not_kept(held: Registry, text: str, reason: str) -> None:
    put(held, policy("*", *PULL))
    before = held.stored()
    code, message = refused(
        held.ecr().set_repository_policy, repositoryName="team/app", policyText=text
    )
    assert code == "InvalidParameterException"
    assert message.startswith(INVALID + reason)
    assert held.stored() == before


def test_a_policy_that_is_too_long(held: Registry) -> None:
    text = policy("*", *["ecr:*"] * 2000)
    assert refused(
        held.ecr().set_repository_policy, repositoryName="team/app", policyText=text
    ) == (
        "InvalidParameterException",
        "Invalid parameter at 'policyText' failed to satisfy constraint:"
        " 'Member must have length less than or equal to 10240'",
    )


def test_locking_oneself_out_takes_force(held: Registry) -> None:
    text = policy({"AWS": ADMIN}, "ecr:SetRepositoryPolicy", effect="Deny")
    call = held.ecr().set_repository_policy
    assert refused(call, repositoryName="team/app", policyText=text) == (
        "InvalidParameterException",
        INVALID + "it would prevent you from setting another one; use force to set it",
    )
    put(held, text, force=True)
    code, message = refused(call, repositoryName="team/app", policyText=policy("*", *PULL))
    assert code == "AccessDeniedException"
    assert message.endswith("with an explicit deny in a resource-based policy")


def test_it_goes_with_its_repository(held: Registry) -> None:
    put(held, policy("*", *PULL))
    held.ecr().delete_repository(repositoryName="team/app", force=True)
    held.create("team/app")
    with pytest.raises(RepositoryPolicyNotFound):
        held.repositories.policy(held.repositories.get(SCOPE, "team/app"))


# Across accounts: both sides.


def test_another_account_pulls_and_pushes_where_both_sides_allow(held: Registry) -> None:
    host = {"host": f"{ACCOUNT}.dkr.ecr.us-east-1.localhost"}
    bob = held.user("bob", allow("ecr:*"), account=OTHER)
    alone = held.user("alone", account=OTHER)
    with held.http(bob) as docker, held.http(alone) as lonely:
        path = "/v2/team/app/manifests/v1"
        assert docker.get(path).status_code == 403
        put(held, policy({"AWS": OTHER}, *PULL))
        assert docker.get(path, headers=host).content == IMAGE.manifest
        assert lonely.get(path).status_code == 403
        begun = docker.post("/v2/team/app/blobs/uploads/")
        assert begun.status_code == 403
        assert begun.json()["errors"][0]["message"] == (
            f"User: arn:aws:iam::{OTHER}:user/bob is not authorized to perform:"
            f" ecr:InitiateLayerUpload on resource: {on('team/app')}"
            " because no resource-based policy allows the ecr:InitiateLayerUpload action"
        )
        put(held, policy({"AWS": OTHER}, "ecr:*"))
        push(docker, "team/app", NEW, "v2")
    assert held.http().get("/v2/team/app/manifests/v2").content == NEW.manifest


def test_the_registry_id_of_another_account(held: Registry) -> None:
    bob = held.user("bob", allow("ecr:*"), account=OTHER)
    call = held.ecr(bob).batch_get_image
    asked: dict[str, Any] = {"repositoryName": "team/app", "imageIds": [{"imageTag": "v1"}]}
    assert refused(call, **asked)[0] == "RepositoryNotFoundException"
    code, message = refused(call, registryId=ACCOUNT, **asked)
    assert code == "AccessDeniedException"
    assert "no resource-based policy allows the ecr:BatchGetImage action" in message
    put(held, policy({"AWS": OTHER}, *PULL))
    (found,) = call(registryId=ACCOUNT, **asked)["images"]
    assert found["imageManifest"] == IMAGE.text
    for name in ("describe_repositories", "list_images"):
        named = {} if name == "describe_repositories" else {"repositoryName": "team/app"}
        code, _ = refused(getattr(held.ecr(bob), name), registryId=ACCOUNT, **named)
        assert code == "AccessDeniedException"
    created = refused(held.ecr(bob).create_repository, registryId=ACCOUNT, repositoryName="new")
    assert created[0] == "AccessDeniedException"


def test_a_repository_of_another_account_is_hidden_whether_it_exists_or_not(
    held: Registry,
) -> None:
    bob = held.user("bob", allow("ecr:*"), account=OTHER)
    call = held.ecr(bob).list_images
    there = refused(call, registryId=ACCOUNT, repositoryName="team/app")
    absent = refused(call, registryId=ACCOUNT, repositoryName="team/none")
    assert there == (absent[0], absent[1].replace("team/none", "team/app"))


# Anonymous.


def test_anybody_pulls_what_is_for_everybody(held: Registry) -> None:
    digest = IMAGE.blobs[0].digest
    with held.anyone() as nobody:
        for path in ("manifests/v1", f"blobs/{digest}", "tags/list"):
            assert nobody.get(f"/v2/team/app/{path}").status_code == 401
        put(held, policy({"AWS": OTHER}, *PULL))
        assert nobody.get("/v2/team/app/manifests/v1").status_code == 401
        put(held, policy("*", *PULL))
        assert nobody.get("/v2/team/app/manifests/v1").content == IMAGE.manifest
        assert nobody.get(f"/v2/team/app/blobs/{digest}").status_code == 200
        assert nobody.get("/v2/team/app/tags/list").status_code == 401
        assert nobody.post("/v2/team/app/blobs/uploads/").status_code == 401
        assert nobody.get("/v2/").status_code == 401


def test_nobody_pushes_without_credentials_whatever_the_policy(held: Registry) -> None:
    put(held, policy("*", "ecr:*"))
    with held.anyone() as nobody:
        answer = nobody.put(
            "/v2/team/app/manifests/v9",
            content=IMAGE.manifest,
            headers={"content-type": OCI_MANIFEST},
        )
        assert answer.status_code == 401
        assert nobody.delete("/v2/team/app/manifests/v1").status_code == 401


def test_wrong_credentials_are_not_taken_for_none(held: Registry) -> None:
    put(held, policy("*", *PULL))
    with held.anyone({"authorization": "Basic QVdTOm5vbmU="}) as somebody:
        assert somebody.get("/v2/team/app/manifests/v1").status_code == 401


def test_a_condition_on_the_address(held: Registry) -> None:
    near = {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}
    far = {"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}
    with held.anyone() as nobody:
        put(held, policy("*", *PULL, condition=far))
        assert nobody.get("/v2/team/app/manifests/v1").status_code == 401
        put(held, policy("*", *PULL, condition=near))
        assert nobody.get("/v2/team/app/manifests/v1").status_code == 200


# Permission by tag.

ONLY_DEV = allow("ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload")


def by_tag(*actions: str, effect: str = "Allow", pattern: str = "dev-*") -> str:
    statement = {
        "Effect": effect,
        "Action": list(actions),
        "Resource": "*",
        "Condition": {"StringLike": {"ecr:ImageTag": pattern}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_pushing_only_some_tags(held: Registry) -> None:
    dev = held.user("dev", ONLY_DEV, by_tag("ecr:PutImage"))
    headers = {"content-type": OCI_MANIFEST}
    with held.http(dev) as docker:

        def status(path: str) -> int:
            found = docker.put(
                f"/v2/team/app/manifests/{path}", content=IMAGE.manifest, headers=headers
            )
            return found.status_code

        assert status("dev-1") == 201
        assert status("v1") == 403
        assert status(IMAGE.digest) == 403
        assert status(f"{IMAGE.digest}?tag=dev-2&tag=v1") == 403
        assert status(f"{IMAGE.digest}?tag=dev-2&tag=dev-3") == 201
    put_image = held.ecr(dev).put_image
    asked: dict[str, Any] = {"repositoryName": "team/app", "imageManifest": IMAGE.text}
    put_image(**asked, imageTag="dev-4")
    assert refused(put_image, **asked, imageTag="v2")[0] == "AccessDeniedException"
    assert refused(put_image, **asked)[0] == "AccessDeniedException"
    tags = held.http().get("/v2/team/app/tags/list").json()["tags"]
    assert tags == ["dev-1", "dev-2", "dev-3", "dev-4", "v1"]


def test_pulling_only_some_tags(held: Registry) -> None:
    held.hold("team/app", NEW, "dev-1")
    reader = held.user("reader", by_tag("ecr:BatchGetImage"))
    with held.http(reader) as docker:
        assert docker.get("/v2/team/app/manifests/dev-1").status_code == 200
        assert docker.head("/v2/team/app/manifests/dev-1").status_code == 200
        assert docker.get("/v2/team/app/manifests/v1").status_code == 403
        assert docker.get(f"/v2/team/app/manifests/{IMAGE.digest}").status_code == 403
        claimed = docker.get(f"/v2/team/app/manifests/{IMAGE.digest}?tag=dev-1")
        assert claimed.status_code == 403
    call: Any = held.ecr(reader).batch_get_image
    (found,) = call(repositoryName="team/app", imageIds=[{"imageTag": "dev-1"}])["images"]
    assert found["imageManifest"] == NEW.text
    for ids in (
        [{"imageTag": "dev-1"}, {"imageTag": "v1"}],
        [{"imageTag": "dev-1"}, {"imageDigest": IMAGE.digest}],
    ):
        assert refused(call, repositoryName="team/app", imageIds=ids)[0] == "AccessDeniedException"
    both = [{"imageTag": "dev-1", "imageDigest": IMAGE.digest}]
    answer = call(repositoryName="team/app", imageIds=both)
    assert answer["images"] == []
    assert answer["failures"][0]["failureCode"] == "ImageTagDoesNotMatchDigest"


def test_protecting_some_tags_from_deletion(held: Registry) -> None:
    held.hold("team/app", IMAGE, "dev-1")
    held.hold("team/app", NEW, "dev-2")
    user = held.user(
        "cleaner", allow("ecr:*"), by_tag("ecr:BatchDeleteImage", effect="Deny", pattern="v*")
    )
    with held.http(user) as docker:
        assert docker.delete("/v2/team/app/manifests/v1").status_code == 403
        assert docker.delete(f"/v2/team/app/manifests/{IMAGE.digest}").status_code == 403
        assert docker.delete("/v2/team/app/manifests/dev-1").status_code == 202
        assert docker.delete(f"/v2/team/app/manifests/{NEW.digest}").status_code == 202
    assert held.http().get("/v2/team/app/tags/list").json()["tags"] == ["v1"]
