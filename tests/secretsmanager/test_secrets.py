from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.caching import secrets_of
from registry.domain.secrets.errors import CURRENT, PREVIOUS
from registry.domain.secrets.secrets import Secrets
from registry.domain.secrets.stages import holder, staged
from registry.values.errors import SecretNotFound
from tests.application import ACCOUNT, REGION, SCOPE, Registry, allow
from tests.identities import OTHER, aws
from tests.logs.calls import refusal

TOKENS = [f"{number:032d}" for number in range(5)]
MISSING = ("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")


def made(client: Any, name: str = "team/db", value: str | None = "one", **options: Any) -> str:
    if value is not None:
        options["SecretString"] = value
    arn: str = client.create_secret(Name=name, **options)["ARN"]
    return arn


def said(client: Any, secret_id: str = "team/db", **options: Any) -> str:
    text: str = client.get_secret_value(SecretId=secret_id, **options)["SecretString"]
    return text


def test_a_secret_is_found_by_name_and_arn(secretsmanager: Any) -> None:
    arn = made(secretsmanager, Description="d", Tags=[{"Key": "a", "Value": "b"}])
    start = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:team/db"
    assert re.fullmatch(re.escape(start) + "-[A-Za-z0-9]{6}", arn)
    for secret_id in ("team/db", arn, start):
        found = secretsmanager.get_secret_value(SecretId=secret_id)
        assert (found["ARN"], found["Name"], found["SecretString"]) == (arn, "team/db", "one")
        assert found["VersionStages"] == [CURRENT]
    described = secretsmanager.describe_secret(SecretId=arn)
    assert described["Description"] == "d"
    assert described["Tags"] == [{"Key": "a", "Value": "b"}]
    assert described["VersionIdsToStages"] == {found["VersionId"]: [CURRENT]}
    assert described["LastAccessedDate"].hour == 0
    assert refusal(secretsmanager.get_secret_value, SecretId="none") == MISSING
    assert refusal(secretsmanager.get_secret_value, SecretId=arn[:-1] + "_") == MISSING


def test_binary_values_and_none(secretsmanager: Any) -> None:
    made(secretsmanager, value=None, SecretBinary=b"\x00\xff")
    assert secretsmanager.get_secret_value(SecretId="team/db")["SecretBinary"] == b"\x00\xff"
    made(secretsmanager, "empty", None)
    code, message = refusal(secretsmanager.get_secret_value, SecretId="empty")
    assert code == "ResourceNotFoundException"
    assert message.endswith("value for staging label: AWSCURRENT")
    both = {"SecretString": "x", "SecretBinary": b"x"}
    code, _ = refusal(secretsmanager.create_secret, Name="both", **both)
    assert code == "InvalidParameterException"
    code, message = refusal(secretsmanager.put_secret_value, SecretId="empty")
    assert message == "You must provide either SecretString or SecretBinary."


def test_versions_and_stages(secretsmanager: Any) -> None:
    made(secretsmanager, ClientRequestToken=TOKENS[0])
    put = secretsmanager.put_secret_value
    put(SecretId="team/db", SecretString="two", ClientRequestToken=TOKENS[1])
    assert said(secretsmanager) == "two"
    assert said(secretsmanager, VersionStage=PREVIOUS) == "one"
    assert said(secretsmanager, VersionId=TOKENS[0]) == "one"
    put(
        SecretId="team/db", SecretString="three", ClientRequestToken=TOKENS[2],
        VersionStages=["AWSPENDING"],
    )  # fmt: skip
    assert said(secretsmanager) == "two"
    assert said(secretsmanager, VersionStage="AWSPENDING") == "three"
    code, _ = refusal(
        secretsmanager.get_secret_value,
        SecretId="team/db", VersionId=TOKENS[0], VersionStage="AWSPENDING",
    )  # fmt: skip
    assert code == "InvalidRequestException"
    move = secretsmanager.update_secret_version_stage
    unsaid = {"SecretId": "team/db", "VersionStage": CURRENT, "MoveToVersionId": TOKENS[2]}
    code, message = refusal(move, **unsaid)
    assert code == "InvalidParameterException"
    assert f"currently attached to version {TOKENS[1]}" in message
    move(**unsaid, RemoveFromVersionId=TOKENS[1])
    assert said(secretsmanager) == "three"
    assert said(secretsmanager, VersionStage=PREVIOUS) == "two"
    gone = {"SecretId": "team/db", "VersionStage": CURRENT, "RemoveFromVersionId": TOKENS[2]}
    assert refusal(move, **gone)[0] == "InvalidParameterException"
    listed = secretsmanager.list_secret_version_ids(SecretId="team/db")["Versions"]
    assert {each["VersionId"] for each in listed} == set(TOKENS[1:3])
    page = secretsmanager.list_secret_version_ids(
        SecretId="team/db", IncludeDeprecated=True, MaxResults=2
    )
    rest = secretsmanager.list_secret_version_ids(
        SecretId="team/db", IncludeDeprecated=True, MaxResults=2, NextToken=page["NextToken"]
    )
    assert len(page["Versions"] + rest["Versions"]) == 3


def test_a_token_makes_one_version(secretsmanager: Any) -> None:
    arn = made(secretsmanager, ClientRequestToken=TOKENS[0])
    assert made(secretsmanager, ClientRequestToken=TOKENS[0]) == arn
    code, message = refusal(
        secretsmanager.create_secret, Name="team/db", SecretString="x", ClientRequestToken=TOKENS[1]
    )
    assert (code, message) == (
        "ResourceExistsException",
        "The operation failed because the secret team/db already exists.",
    )
    again = {"SecretId": "team/db", "SecretString": "two", "ClientRequestToken": TOKENS[1]}
    assert secretsmanager.put_secret_value(**again)["VersionStages"] == [CURRENT]
    assert secretsmanager.put_secret_value(**again)["VersionStages"] == [CURRENT]
    code, message = refusal(secretsmanager.put_secret_value, **again | {"SecretString": "three"})
    assert code == "ResourceExistsException"
    assert f"ClientRequestToken {TOKENS[1]}" in message
    assert "three" not in message


def test_updates(registry: Registry, secretsmanager: Any) -> None:
    key = aws(registry, "kms").create_key()["KeyMetadata"]["Arn"]
    made(secretsmanager)
    secretsmanager.update_secret(SecretId="team/db", Description="new")
    assert said(secretsmanager) == "one"
    secretsmanager.update_secret(SecretId="team/db", KmsKeyId=key)
    assert said(secretsmanager) == "one"
    secretsmanager.update_secret(SecretId="team/db", SecretString="two")
    assert (said(secretsmanager), said(secretsmanager, VersionStage=PREVIOUS)) == ("two", "one")
    described = secretsmanager.describe_secret(SecretId="team/db")
    assert (described["Description"], described["KmsKeyId"]) == ("new", key)
    aws(registry, "kms").disable_key(KeyId=key)
    assert refusal(secretsmanager.get_secret_value, SecretId="team/db")[0] == "EncryptionFailure"
    code, _ = refusal(secretsmanager.create_secret, Name="x", SecretString="x", KmsKeyId="alias/no")
    assert code == "InvalidParameterException"


def test_deleted_and_restored(registry: Registry, secretsmanager: Any) -> None:
    made(secretsmanager)
    delete = secretsmanager.delete_secret
    for days in (6, 31):
        code, _ = refusal(delete, SecretId="team/db", RecoveryWindowInDays=days)
        assert code == "InvalidParameterException"
    both = {"RecoveryWindowInDays": 7, "ForceDeleteWithoutRecovery": True}
    assert refusal(delete, SecretId="team/db", **both)[0] == "InvalidParameterException"
    when = delete(SecretId="team/db", RecoveryWindowInDays=7)["DeletionDate"]
    assert timedelta(days=6) < when - datetime.now(UTC) < timedelta(days=8)
    code, message = refusal(secretsmanager.get_secret_value, SecretId="team/db")
    assert (code, message) == (
        "InvalidRequestException",
        "You can't perform this operation on the secret because it was marked for deletion.",
    )
    code, message = refusal(secretsmanager.create_secret, Name="team/db", SecretString="x")
    assert code == "InvalidRequestException"
    assert "already scheduled for deletion" in message
    assert refusal(delete, SecretId="team/db")[0] == "InvalidRequestException"
    assert secretsmanager.list_secrets()["SecretList"] == []
    (planned,) = secretsmanager.list_secrets(IncludePlannedDeletion=True)["SecretList"]
    assert planned["DeletedDate"]
    secretsmanager.restore_secret(SecretId="team/db")
    assert said(secretsmanager) == "one"
    delete(SecretId="team/db")
    later = Secrets(registry.ground.database, lambda: datetime.now(UTC) + timedelta(days=29))
    assert later.purge() == 0
    later = Secrets(registry.ground.database, lambda: datetime.now(UTC) + timedelta(days=31))
    assert later.purge() == 1
    assert refusal(secretsmanager.restore_secret, SecretId="team/db") == MISSING
    old = made(secretsmanager)
    delete(SecretId="team/db", ForceDeleteWithoutRecovery=True)
    assert made(secretsmanager) != old
    assert refusal(secretsmanager.get_secret_value, SecretId=old) == MISSING


def test_lists(secretsmanager: Any) -> None:
    for name in ("a/one", "b/two", "c/three"):
        made(secretsmanager, name, Description=f"of {name}", Tags=[{"Key": name[0], "Value": "x"}])

    def listed(*filters: tuple[str, list[str]], **options: Any) -> list[str]:
        given_ = [{"Key": key, "Values": values} for key, values in filters]
        pages = secretsmanager.get_paginator("list_secrets").paginate(
            Filters=given_, PaginationConfig={"PageSize": 2}, **options
        )
        return [each["Name"] for page in pages for each in page["SecretList"]]

    assert listed(SortBy="name", SortOrder="asc") == ["a/one", "b/two", "c/three"]
    assert listed() == ["c/three", "b/two", "a/one"]
    assert listed(("name", ["a", "b"])) == ["b/two", "a/one"]
    assert listed(("name", ["!a"])) == ["c/three", "b/two"]
    assert listed(("tag-key", ["c"])) == ["c/three"]
    assert listed(("description", ["OF two"])) == ["b/two"]
    assert listed(("all", ["thr"]), ("tag-value", ["x"])) == ["c/three"]
    code, _ = refusal(secretsmanager.list_secrets, NextToken="x")
    assert code == "InvalidNextTokenException"


def test_several_values_at_once(registry: Registry, secretsmanager: Any) -> None:
    one, _two = made(secretsmanager, "one", "1"), made(secretsmanager, "two", "2")
    found = secretsmanager.batch_get_secret_value(SecretIdList=["one", "two", "none"])
    assert [each["SecretString"] for each in found["SecretValues"]] == ["1", "2"]
    (error,) = found["Errors"]
    assert (error["SecretId"], error["ErrorCode"]) == ("none", "ResourceNotFoundException")
    policies = (
        allow("secretsmanager:BatchGetSecretValue"),
        allow("secretsmanager:GetSecretValue", resource=one),
    )
    theirs = aws(registry, "secretsmanager", registry.user("some", *policies))
    found = theirs.batch_get_secret_value(Filters=[{"Key": "name", "Values": ["one", "two"]}])
    assert [each["Name"] for each in found["SecretValues"]] == ["one"]
    assert [each["ErrorCode"] for each in found["Errors"]] == ["AccessDeniedException"]
    assert refusal(secretsmanager.batch_get_secret_value)[0] == "InvalidParameterException"
    page = secretsmanager.batch_get_secret_value(
        Filters=[{"Key": "name", "Values": [""]}], MaxResults=1
    )
    assert (len(page["SecretValues"]), "NextToken" in page) == (1, True)


def test_rotation_is_refused(secretsmanager: Any) -> None:
    made(secretsmanager)
    code, message = refusal(secretsmanager.rotate_secret, SecretId="team/db")
    assert code == "InvalidRequestException"
    assert "doesn't already have a Lambda function ARN configured" in message
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
    code, _ = refusal(secretsmanager.rotate_secret, SecretId="team/db", RotationLambdaARN=function)
    assert code == "ResourceNotFoundException"


@pytest.mark.parametrize("name", ["a b", "é", "a" * 513])
def test_names(secretsmanager: Any, name: str) -> None:
    code, _ = refusal(secretsmanager.create_secret, Name=name, SecretString="x")
    assert code in {"InvalidParameterException", "ValidationException"}


def test_random_passwords(secretsmanager: Any) -> None:
    def word(**options: Any) -> str:
        made: str = secretsmanager.get_random_password(**options)["RandomPassword"]
        return made

    assert len(word()) == 32
    assert word() != word()
    digits = {"ExcludeLowercase": True, "ExcludeUppercase": True, "ExcludePunctuation": True}
    assert re.fullmatch("[0-8]{9}", word(**digits, ExcludeCharacters="9", PasswordLength=9))
    for _ in range(20):
        each = word(PasswordLength=5, IncludeSpace=True)
        assert all(re.search(kind, each) for kind in ("[a-z]", "[A-Z]", "[0-9]", " ", r"[^\w ]|_"))
    assert refusal(secretsmanager.get_random_password, PasswordLength=3)[0] == (
        "InvalidParameterException"
    )


# Who may.


def policy_for(principal: str, *actions: str) -> str:
    statement = {
        "Effect": "Allow", "Principal": {"AWS": principal}, "Action": list(actions), "Resource": "*"
    }  # fmt: skip
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_policies_are_of_arns(registry: Registry, secretsmanager: Any) -> None:
    made(secretsmanager)
    made(secretsmanager, "other/x")
    mine = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:team/*"
    policy = allow("secretsmanager:*", resource=mine)
    theirs = aws(registry, "secretsmanager", registry.user("team", policy))
    assert said(theirs) == "one"
    made(theirs, "team/new")
    assert refusal(theirs.create_secret, Name="new")[0] == "AccessDeniedException"
    there = refusal(theirs.get_secret_value, SecretId="other/x")
    gone = refusal(theirs.get_secret_value, SecretId="other/y")
    assert there[0] == "AccessDeniedException"
    assert there[1].replace("other/x", "N") == gone[1].replace("other/y", "N")


def test_a_secrets_policy_lets_others_in(registry: Registry, secretsmanager: Any) -> None:
    arn = made(secretsmanager)
    reader = registry.user("reader")
    theirs = aws(registry, "secretsmanager", reader)
    assert refusal(theirs.get_secret_value, SecretId=arn)[0] == "AccessDeniedException"
    policy = policy_for(reader.user.arn, "secretsmanager:GetSecretValue")
    secretsmanager.put_resource_policy(SecretId=arn, ResourcePolicy=policy)
    assert said(theirs, arn) == "one"
    assert secretsmanager.get_resource_policy(SecretId=arn)["ResourcePolicy"] == policy
    secretsmanager.delete_resource_policy(SecretId=arn)
    assert "ResourcePolicy" not in secretsmanager.get_resource_policy(SecretId=arn)
    assert refusal(theirs.get_secret_value, SecretId=arn)[0] == "AccessDeniedException"
    code, _ = refusal(secretsmanager.put_resource_policy, SecretId=arn, ResourcePolicy="{}")
    assert code == "MalformedPolicyDocumentException"
    public = policy_for("*", "secretsmanager:GetSecretValue")
    blocked = {"SecretId": arn, "ResourcePolicy": public, "BlockPublicPolicy": True}
    assert refusal(secretsmanager.put_resource_policy, **blocked)[0] == "PublicPolicyException"
    for text, passed in ((policy, True), (public, False), ("{}", False)):
        answer = secretsmanager.validate_resource_policy(ResourcePolicy=text)
        assert answer["PolicyValidationPassed"] is passed


def test_another_account_needs_a_policy_and_a_key(registry: Registry, secretsmanager: Any) -> None:
    kms = aws(registry, "kms")
    mallory = registry.user("mallory", allow("*"), account=OTHER)
    theirs = aws(registry, "secretsmanager", mallory)
    arn = made(secretsmanager)
    assert refusal(theirs.get_secret_value, SecretId="team/db") == MISSING
    assert refusal(theirs.get_secret_value, SecretId=arn)[0] == "AccessDeniedException"
    policy = policy_for(f"arn:aws:iam::{OTHER}:root", "secretsmanager:GetSecretValue")
    secretsmanager.put_resource_policy(SecretId=arn, ResourcePolicy=policy)
    code, message = refusal(theirs.get_secret_value, SecretId=arn)
    assert code == "InvalidRequestException"
    assert "default KMS service key" in message
    key = kms.create_key()["KeyMetadata"]
    secretsmanager.update_secret(SecretId=arn, KmsKeyId=key["Arn"])
    assert refusal(theirs.get_secret_value, SecretId=arn) == (
        "AccessDeniedException",
        "Access to KMS is not allowed",
    )
    both = json.loads(policy_for(f"arn:aws:iam::{OTHER}:root", "kms:Decrypt"))
    both["Statement"] += json.loads(policy_for(f"arn:aws:iam::{ACCOUNT}:root", "kms:*"))[
        "Statement"
    ]
    kms.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=json.dumps(both))
    assert said(theirs, arn) == "one"


def test_the_key_of_a_secret_is_asked_of_the_caller(
    registry: Registry, secretsmanager: Any
) -> None:
    key = aws(registry, "kms").create_key()["KeyMetadata"]["Arn"]
    made(secretsmanager, "own", KmsKeyId=key)
    made(secretsmanager, "common")
    reader = aws(registry, "secretsmanager", registry.user("reader", allow("secretsmanager:*")))
    assert said(reader, "common") == "one"
    denied = ("AccessDeniedException", "Access to KMS is not allowed")
    assert refusal(reader.get_secret_value, SecretId="own") == denied
    assert refusal(reader.put_secret_value, SecretId="own", SecretString="x") == denied
    assert refusal(reader.create_secret, Name="new", SecretString="x", KmsKeyId=key) == denied
    assert refusal(reader.describe_secret, SecretId="new") == MISSING


def test_tags_decide(registry: Registry, secretsmanager: Any) -> None:
    made(secretsmanager)
    statement = {
        "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*",
        "Condition": {"StringEquals": {"secretsmanager:ResourceTag/team": "pay"}},
    }  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    theirs = aws(registry, "secretsmanager", registry.user("payer", policy))
    assert refusal(theirs.get_secret_value, SecretId="team/db")[0] == "AccessDeniedException"
    tags = [{"Key": "team", "Value": "pay"}, {"Key": "x", "Value": ""}]
    secretsmanager.tag_resource(SecretId="team/db", Tags=tags)
    assert said(theirs) == "one"
    secretsmanager.untag_resource(SecretId="team/db", TagKeys=["team"])
    assert refusal(theirs.get_secret_value, SecretId="team/db")[0] == "AccessDeniedException"
    many = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    code, _ = refusal(secretsmanager.tag_resource, SecretId="team/db", Tags=many)
    assert code == "LimitExceededException"


def test_no_value_lies_in_clear_nor_in_the_audit_log(
    registry: Registry, secretsmanager: Any
) -> None:
    made(secretsmanager, value="very-secret-value", ClientRequestToken=TOKENS[0])
    token = {"SecretId": "team/db", "ClientRequestToken": TOKENS[0]}
    _, message = refusal(secretsmanager.put_secret_value, **token, SecretString="very-other-value")
    assert "very" not in message
    registry.close()
    written = b"".join(
        path.read_bytes() for path in registry.settings.data.rglob("*") if path.is_file()
    )
    assert b"team/db" in written
    assert b"very-secret-value" not in written
    assert b"very-other-value" not in written


@given(st.lists(st.tuples(st.sampled_from(TOKENS), st.sets(st.sampled_from([CURRENT, "X", "Y"])))))
def test_a_stage_stands_on_one_version(puts: list[tuple[str, set[str]]]) -> None:
    stages: dict[str, tuple[str, ...]] = {}
    for version, labels in puts:
        before = holder(stages, CURRENT)
        stages = staged(stages, version, sorted(labels))
        every = [label for held in stages.values() for label in held]
        assert len(every) == len(set(every))
        assert labels <= set(stages[version])
        if CURRENT in labels and before not in (None, version):
            assert holder(stages, PREVIOUS) == before


def test_the_pull_through_cache_reads_its_credentials(
    registry: Registry, secretsmanager: Any
) -> None:
    found = secrets_of(registry.ground)
    arn = made(secretsmanager, "ecr-pullthroughcache/hub", "the credentials")
    other = made(secretsmanager, "hub", "something else")
    assert found.get(SCOPE, arn) == "the credentials"
    with pytest.raises(SecretNotFound):
        found.get(SCOPE, other)
    with pytest.raises(SecretNotFound):
        found.get(SCOPE, arn.rpartition("-")[0])
    secretsmanager.delete_secret(SecretId=arn)
    with pytest.raises(SecretNotFound):
        found.get(SCOPE, arn)
    rules = registry.ecr()
    rule = {"ecrRepositoryPrefix": "hub", "upstreamRegistryUrl": "registry-1.docker.io"}
    code, _ = refusal(rules.create_pull_through_cache_rule, **rule, credentialArn=arn)
    assert code == "SecretNotFoundException"
