"""Keys as such: made, described, listed, tagged, disabled, to be deleted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.keys.ring import ECR_ALIAS
from tests.application import ACCOUNT, REGION, Registry, allow
from tests.ecr.calls import refusal
from tests.identities import OTHER, aws
from tests.kms.calls import refused

ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:"
NOBODY = "00000000-0000-4000-8000-000000000000"


def test_a_new_key_is_described_as_aws_does(kms: Any) -> None:
    tags = [{"TagKey": "team", "TagValue": "pay"}]
    made = kms.create_key(Description="of the payments", Tags=tags)["KeyMetadata"]
    material, created = made.pop("CurrentKeyMaterialId"), made.pop("CreationDate")
    assert len(material) == 64
    assert abs(datetime.now(UTC) - created) < timedelta(minutes=5)
    assert made == {
        "AWSAccountId": ACCOUNT,
        "KeyId": made["KeyId"],
        "Arn": f"{ARN}key/{made['KeyId']}",
        "Enabled": True,
        "Description": "of the payments",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": "Enabled",
        "Origin": "AWS_KMS",
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": False,
    }
    kms.create_alias(AliasName="alias/pay", TargetKeyId=made["KeyId"])
    for reference in (made["KeyId"], made["Arn"], "alias/pay", f"{ARN}alias/pay"):
        found = kms.describe_key(KeyId=reference)["KeyMetadata"]
        assert found["KeyId"] == made["KeyId"]
    assert kms.list_resource_tags(KeyId=made["KeyId"])["Tags"] == tags


@pytest.mark.parametrize(
    "asked",
    [
        {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"},
        {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
        {"CustomerMasterKeySpec": "RSA_2048"},
        {"KeyUsage": "SIGN_VERIFY"},
        {"Origin": "EXTERNAL"},
        {"CustomKeyStoreId": "cks-1"},
        {"XksKeyId": "bb8562717f809024"},
        {"MultiRegion": True},
    ],
)
def test_other_kinds_of_keys_are_not_supported(registry: Registry, kms: Any, asked: Any) -> None:
    before = registry.ground.keys.ring()
    assert refusal(lambda: kms.create_key(**asked))[0] == "UnsupportedOperationException"
    assert registry.ground.keys.ring() == before


def test_what_is_not_there_is_said_in_awss_words(kms: Any) -> None:
    arn = f"{ARN}key/{NOBODY}"
    for reference in (NOBODY, arn):
        found = refused(kms.describe_key, KeyId=reference)
        assert found == ("NotFoundException", f"Key '{arn}' does not exist")
    found = refusal(lambda: kms.describe_key(KeyId="alias/none"))
    assert found == ("NotFoundException", f"Alias {ARN}alias/none is not found.")
    elsewhere = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/{NOBODY}"
    found = refusal(lambda: kms.describe_key(KeyId=elsewhere))
    assert found == ("NotFoundException", "Invalid arn 'eu-west-1'")
    for malformed in (f"arn:aws:s3:::{NOBODY}", "arn:aws:kms:us-east-1", f"{ARN}grant/x"):
        code = refused(kms.describe_key, KeyId=malformed)[0]
        assert code == "InvalidArnException"
    code, message = refusal(lambda: kms.describe_key(KeyId=""))
    assert code == "ValidationException"
    assert "at 'keyId' failed to satisfy constraint" in message


def test_what_manages_a_key_takes_no_alias(kms: Any, key_id: str) -> None:
    kms.create_alias(AliasName="alias/a", TargetKeyId=key_id)
    for call in (kms.enable_key, kms.disable_key, kms.get_key_policy, kms.list_resource_tags):
        for reference in ("alias/a", f"{ARN}alias/a"):
            code, message = refused(call, KeyId=reference)
            assert (code, message.split("'")[0]) == ("NotFoundException", "Invalid keyId ")


def test_keys_are_listed_in_pages_by_account_and_region(
    registry: Registry, kms: Any, key_id: str
) -> None:
    made = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(4)} | {key_id}
    managed = registry.ground.keys.resolve(ECR_ALIAS)
    pages = kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2})
    listed = [key for page in pages for key in page["Keys"]]
    assert [key["KeyId"] for key in listed] == sorted(made | {managed})
    assert all(key["KeyArn"] == f"{ARN}key/{key['KeyId']}" for key in listed)
    theirs = aws(registry, "kms", registry.user("eve", allow("*"), account=OTHER))
    assert theirs.list_keys()["Keys"] == []
    assert theirs.list_aliases()["Aliases"] == []


def test_a_marker_is_good_for_its_caller_and_listing_alone(
    registry: Registry, kms: Any, key_id: str
) -> None:
    marker = kms.list_keys(Limit=1)["NextMarker"]
    assert kms.list_keys(Limit=1, Marker=marker)["Keys"]
    other = aws(registry, "kms", registry.user("ada", allow("*")))
    for call in (
        lambda: kms.list_aliases(Marker=marker),
        lambda: other.list_keys(Marker=marker),
        lambda: kms.list_keys(Marker="x"),
    ):
        assert refusal(call)[0] == "InvalidMarkerException"
    kms.create_key()
    assert kms.list_keys(Limit=1, Marker=marker)["Keys"]


def test_pages_neither_skip_nor_repeat_what_was_there_all_along(kms: Any) -> None:
    made = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(5)}
    first = kms.list_keys(Limit=2)
    for _ in range(5):
        kms.create_key()
    rest = kms.list_keys(Limit=1000, Marker=first["NextMarker"])["Keys"]
    listed = [key["KeyId"] for key in (*first["Keys"], *rest)]
    assert len(listed) == len(set(listed))
    assert made <= set(listed)


def test_a_description_is_changed(kms: Any, key_id: str) -> None:
    kms.update_key_description(KeyId=key_id, Description="another")
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["Description"] == "another"
    code, message = refusal(
        lambda: kms.update_key_description(KeyId=key_id, Description=8193 * "x")
    )
    assert (code, "8192" in message) == ("ValidationException", True)


def test_the_states_are_those_of_kms(kms: Any, key_id: str) -> None:
    def state() -> tuple[str, bool]:
        found = kms.describe_key(KeyId=key_id)["KeyMetadata"]
        return found["KeyState"], found["Enabled"]

    kms.disable_key(KeyId=key_id)
    assert state() == ("Disabled", False)
    kms.enable_key(KeyId=key_id)
    assert state() == ("Enabled", True)
    found = kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    assert (found["KeyId"], found["KeyState"]) == (f"{ARN}key/{key_id}", "PendingDeletion")
    date = kms.describe_key(KeyId=key_id)["KeyMetadata"]["DeletionDate"]
    assert date == found["DeletionDate"]
    assert timedelta(days=6.9) < date - datetime.now(UTC) < timedelta(days=7.1)
    pending = ("KMSInvalidStateException", f"{ARN}key/{key_id} is pending deletion.")
    for call in (
        lambda: kms.enable_key(KeyId=key_id),
        lambda: kms.disable_key(KeyId=key_id),
        lambda: kms.schedule_key_deletion(KeyId=key_id),
        lambda: kms.update_key_description(KeyId=key_id, Description="x"),
        lambda: kms.tag_resource(KeyId=key_id, Tags=[{"TagKey": "a", "TagValue": "b"}]),
        lambda: kms.untag_resource(KeyId=key_id, TagKeys=["a"]),
        lambda: kms.create_alias(AliasName="alias/late", TargetKeyId=key_id),
        lambda: kms.encrypt(KeyId=key_id, Plaintext=b"x"),
        lambda: kms.generate_data_key(KeyId=key_id, KeySpec="AES_256"),
        lambda: kms.enable_key_rotation(KeyId=key_id),
        lambda: kms.create_grant(
            KeyId=key_id, GranteePrincipal=f"arn:aws:iam::{ACCOUNT}:root", Operations=["Encrypt"]
        ),
    ):
        assert refusal(call) == pending
    assert kms.cancel_key_deletion(KeyId=key_id)["KeyId"] == f"{ARN}key/{key_id}"
    assert state() == ("Disabled", False)
    assert "DeletionDate" not in kms.describe_key(KeyId=key_id)["KeyMetadata"]
    found = refusal(lambda: kms.cancel_key_deletion(KeyId=key_id))
    assert found == ("KMSInvalidStateException", f"{ARN}key/{key_id} is not pending deletion.")


@pytest.mark.parametrize(("days", "bound"), [(6, "greater than or equal to 7"), (31, "less than")])
def test_a_deletion_waits_7_to_30_days(kms: Any, key_id: str, days: int, bound: str) -> None:
    code, message = refusal(
        lambda: kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=days)
    )
    assert code == "ValidationException"
    assert f"'{days}' at 'pendingWindowInDays' failed to satisfy constraint" in message
    assert bound in message


def test_the_managed_key_is_made_when_first_asked_for_and_cannot_be_changed(
    registry: Registry,
) -> None:
    kms = aws(registry, "kms", registry.user("eve", allow("*"), account=OTHER))
    made = kms.describe_key(KeyId=ECR_ALIAS)["KeyMetadata"]
    assert (made["KeyManager"], made["AWSAccountId"]) == ("AWS", OTHER)
    assert kms.describe_key(KeyId=ECR_ALIAS)["KeyMetadata"] == made
    assert kms.list_aliases()["Aliases"][0]["TargetKeyId"] == made["KeyId"]
    for call in (
        lambda: kms.disable_key(KeyId=made["KeyId"]),
        lambda: kms.schedule_key_deletion(KeyId=made["KeyId"]),
        lambda: kms.put_key_policy(KeyId=made["KeyId"], Policy="{}"),
        lambda: kms.encrypt(KeyId=ECR_ALIAS, Plaintext=b"x"),
        lambda: kms.enable_key_rotation(KeyId=made["KeyId"]),
    ):
        assert refusal(call)[0] == "AccessDeniedException"


def test_the_servers_own_key_is_nobodys(registry: Registry, kms: Any) -> None:
    own = registry.ground.keys.resolve("alias/moorage/default")
    assert own not in {key["KeyId"] for key in kms.list_keys()["Keys"]}
    for reference in (own, f"{ARN}key/{own}", "alias/moorage/default"):
        code = refused(kms.describe_key, KeyId=reference)[0]
        assert code == "NotFoundException"


def test_a_key_with_tags_needs_the_right_to_tag(registry: Registry) -> None:
    makers = registry.user("makers", allow("kms:CreateKey", "kms:ListKeys"))
    kms = aws(registry, "kms", makers)
    before = kms.list_keys()["Keys"]
    code, message = refusal(lambda: kms.create_key(Tags=_tags({"team": "pay"})))
    assert code == "AccessDeniedException"
    assert "kms:TagResource" in message
    assert kms.list_keys()["Keys"] == before
    kms.create_key()
    only = (
        '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:*",'
        ' "Resource": "arn:aws:kms:*:*:key/*", "Condition":'
        ' {"StringEquals": {"aws:RequestTag/team": "pay"}}}}'
    )
    taggers = aws(registry, "kms", registry.user("taggers", allow("kms:CreateKey"), only))
    taggers.create_key(Tags=_tags({"team": "pay"}))
    denied = refusal(lambda: taggers.create_key(Tags=_tags({"team": "other"})))
    assert denied[0] == "AccessDeniedException"


def test_tags_are_added_changed_removed_and_paged(kms: Any, key_id: str) -> None:
    def tagged() -> dict[str, str]:
        pages = kms.get_paginator("list_resource_tags").paginate(
            KeyId=key_id, PaginationConfig={"PageSize": 20}
        )
        return {tag["TagKey"]: tag["TagValue"] for page in pages for tag in page["Tags"]}

    wanted = {f"k{n:02}": str(n) for n in range(50)}
    kms.tag_resource(KeyId=key_id, Tags=_tags(wanted))
    assert tagged() == wanted
    assert refusal(lambda: kms.tag_resource(KeyId=key_id, Tags=_tags({"more": "x"})))[0] == (
        "LimitExceededException"
    )
    kms.untag_resource(KeyId=key_id, TagKeys=["k00", "none"])
    kms.tag_resource(KeyId=key_id, Tags=_tags({"k01": "other"}))
    assert tagged() == {name: text for name, text in wanted.items() if name != "k00"} | {
        "k01": "other"
    }
    for call in (
        lambda: kms.tag_resource(KeyId=key_id, Tags=_tags({"aws:x": "y"})),
        lambda: kms.tag_resource(KeyId=key_id, Tags=_tags({"a": "1"}) + _tags({"a": "2"})),
        lambda: kms.untag_resource(KeyId=key_id, TagKeys=["aws:x"]),
        lambda: kms.create_key(Tags=_tags({"a\n": "b"})),
    ):
        assert refusal(call)[0] == "TagException"


def _tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"TagKey": name, "TagValue": value} for name, value in tags.items()]
