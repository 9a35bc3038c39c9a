"""Which keys a repository can be made with, and what a key's state does to it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.application import ACCOUNT, REGION, OpenRegistry, Registry, allow
from tests.ecr.calls import refusal
from tests.identities import OTHER, aws
from tests.images import layer, oci_image, push
from tests.kms.calls import refused
from tests.kms.test_policies import ROOT, policy, statement

ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:"
THEIRS = f"arn:aws:iam::{OTHER}:root"
USE = ("kms:DescribeKey", "kms:CreateGrant")


def create(registry: Registry, key: Any, reference: str, name: str = "team/app") -> Any:
    config: Any = {"encryptionType": "KMS", "kmsKey": reference}
    client = registry.ecr(key)
    return client.create_repository(repositoryName=name, encryptionConfiguration=config)


def test_the_caller_needs_a_right_to_the_key(registry: Registry, kms: Any, key_id: str) -> None:
    poor = registry.user("poor", allow("ecr:*"))
    code, message = refusal(lambda: create(registry, poor, key_id))
    assert (code, "kms:DescribeKey" in message) == ("KmsException", True)
    half = registry.user("half", allow("ecr:*", "kms:DescribeKey"))
    code, message = refusal(lambda: create(registry, half, key_id))
    assert (code, "kms:CreateGrant" in message) == ("KmsException", True)
    assert registry.ecr().describe_repositories()["repositories"] == []
    rich = registry.user("rich", allow("ecr:*", *USE))
    assert create(registry, rich, key_id)["repository"]["repositoryName"] == "team/app"


def test_the_right_can_be_one_through_ecr_alone(registry: Registry, kms: Any, key_id: str) -> None:
    via = {"kms:ViaService": f"ecr.{REGION}.amazonaws.com"}
    ada = f"arn:aws:iam::{ACCOUNT}:user/ada"
    kms.put_key_policy(
        KeyId=key_id,
        Policy=policy(statement(ROOT, "kms:*"), statement(ada, *USE, StringEquals=via)),
    )
    key = registry.user("ada", allow("ecr:*"))
    assert create(registry, key, key_id)
    code, _ = refusal(lambda: aws(registry, "kms", key).describe_key(KeyId=key_id))
    assert code == "AccessDeniedException"


def test_no_account_uses_anothers_key_without_leave(
    registry: Registry, kms: Any, key_id: str
) -> None:
    kms.create_alias(AliasName="alias/ours", TargetKeyId=key_id)
    eve = registry.user("eve", allow("*"), account=OTHER)
    arn = f"{ARN}key/{key_id}"
    for reference in (key_id, arn, "alias/ours", f"{ARN}alias/ours"):
        code, _ = refused(create, registry, eve, reference)
        assert code == "KmsException"
    kms.put_key_policy(
        KeyId=key_id, Policy=policy(statement(ROOT, "kms:*"), statement(THEIRS, *USE))
    )
    made = create(registry, eve, arn)["repository"]
    assert made["encryptionConfiguration"]["kmsKey"] == arn
    (grant,) = kms.list_grants(KeyId=key_id)["Grants"]
    assert grant["IssuingAccount"] == THEIRS
    for reference in (key_id, "alias/ours"):
        assert refused(create, registry, eve, reference, "team/b")[0] == "KmsException"


def test_each_account_has_a_managed_key_of_its_own(registry: Registry) -> None:
    arns = set()
    for key in (registry.admin, registry.user("eve", allow("*"), account=OTHER)):
        client = registry.ecr(key)
        for name in ("a/a", "a/b"):
            made = client.create_repository(
                repositoryName=name, encryptionConfiguration={"encryptionType": "KMS"}
            )
            arn = made["repository"]["encryptionConfiguration"]["kmsKey"]
            assert arn.split(":")[4] == key.user.account
            arns.add(arn)
    assert len(arns) == 2


def test_a_template_is_asked_for_its_registry(open_one: OpenRegistry) -> None:
    registry = open_one(create_on_push=True)
    kms = aws(registry, "kms")
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    eve = registry.user("eve", allow("*"), account=OTHER)
    client = registry.ecr(eve)
    asked: Any = {
        "prefix": "team",
        "appliedFor": ["CREATE_ON_PUSH"],
        "encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": f"{ARN}key/{key_id}"},
    }
    code, _ = refusal(lambda: client.create_repository_creation_template(**asked))
    assert code == "InvalidParameterException"
    shared = policy(statement(ROOT, "kms:*"), statement(THEIRS, *USE))
    kms.put_key_policy(KeyId=key_id, Policy=shared)
    client.create_repository_creation_template(**asked)
    image = oci_image(layer({"a": b"b"}))
    with registry.http(eve) as docker:
        docker.headers["host"] = f"{OTHER}.dkr.ecr.{REGION}.localhost:5000"
        push(docker, "team/app", image, "v1")
        kms.put_key_policy(KeyId=key_id, Policy=policy(statement(ROOT, "kms:*")))
        assert docker.get("/v2/team/app/manifests/v1").status_code == 200
        assert docker.post("/v2/team/other/blobs/uploads/").status_code == 404
    made = client.describe_repositories()["repositories"]
    assert [each["repositoryName"] for each in made] == ["team/app"]


def test_what_lies_under_a_key_ends_and_comes_back_with_it(
    registry: Registry, kms: Any, key_id: str
) -> None:
    create(registry, registry.admin, key_id)
    with registry.http() as docker:
        push(docker, "team/app", oci_image(layer({"a": b"b"})), "v1")
        for end, back in (
            (kms.disable_key, ()),
            (kms.schedule_key_deletion, (kms.cancel_key_deletion,)),
        ):
            assert docker.get("/v2/team/app/manifests/v1").status_code == 200
            end(KeyId=key_id)
            answer = docker.get("/v2/team/app/manifests/v1")
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "DENIED")
            for step in (*back, kms.enable_key):
                step(KeyId=key_id)
        kms.rotate_key_on_demand(KeyId=key_id)
        assert docker.get("/v2/team/app/manifests/v1").status_code == 200


def test_another_worker_sees_a_change_at_once(registry: Registry, kms: Any, key_id: str) -> None:
    other = registry.beside()
    try:
        theirs = aws(other, "kms")
        kms.create_alias(AliasName="alias/new", TargetKeyId=key_id)
        assert theirs.describe_key(KeyId="alias/new")["KeyMetadata"]["KeyId"] == key_id
        theirs.disable_key(KeyId=key_id)
        assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "Disabled"
    finally:
        other.close()


@pytest.mark.parametrize("text", ["", "alias/none", "00000000-0000-4000-8000-000000000000"])
def test_a_key_that_is_not_there_is_refused(registry: Registry, text: str) -> None:
    code, _ = refusal(lambda: create(registry, registry.admin, text))
    assert code in {"KmsException", "InvalidParameterException"}
    assert json.dumps(registry.ecr().describe_repositories()["repositories"]) == "[]"
