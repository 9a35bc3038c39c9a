"""Key policies, and who may do what to a key by them and by IAM's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.application import ACCOUNT, REGION, Registry, allow
from tests.ecr.calls import refusal
from tests.identities import ADMIN, OTHER, assume, aws, make_role, trusting
from tests.kms.calls import refused

ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
DENIED = "AccessDeniedException"


def statement(principal: str, *actions: str, effect: str = "Allow", **condition: Any) -> Any:
    found: dict[str, Any] = {
        "Effect": effect,
        "Principal": {"AWS": principal},
        "Action": list(actions),
        "Resource": "*",
    }
    return found | ({"Condition": condition} if condition else {})


def policy(*statements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def user(name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:iam::{account}:user/{name}"


def test_a_key_begins_with_its_accounts_policy(kms: Any, key_id: str) -> None:
    found = kms.get_key_policy(KeyId=key_id)
    assert found["PolicyName"] == "default"
    (only,) = json.loads(found["Policy"])["Statement"]
    assert only == {
        "Sid": "Enable IAM User Permissions",
        "Effect": "Allow",
        "Principal": {"AWS": ROOT},
        "Action": "kms:*",
        "Resource": "*",
    }
    assert kms.list_key_policies(KeyId=key_id)["PolicyNames"] == ["default"]


def test_a_policy_is_kept_as_it_was_set(kms: Any, key_id: str) -> None:
    text = "\n" + policy(statement(ROOT, "kms:*")).replace(",", " ,\t")
    kms.put_key_policy(KeyId=key_id, PolicyName="default", Policy=text)
    assert kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"] == text
    made = kms.create_key(Policy=text)["KeyMetadata"]["KeyId"]
    assert kms.get_key_policy(KeyId=made)["Policy"] == text
    for call in (
        lambda: kms.get_key_policy(KeyId=key_id, PolicyName="other"),
        lambda: kms.put_key_policy(KeyId=key_id, PolicyName="other", Policy=text),
    ):
        assert refusal(call)[0] == "NotFoundException"


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        allow("kms:*"),
        policy(statement("someone", "kms:*")),
        policy(statement(ROOT, "kms:*")) + " " * 32_768,
        policy(statement(user("ada"), "kms:*")),
        policy(statement(ROOT, "kms:Get*")),
        policy(statement(ROOT, "kms:*"), statement(ADMIN, "kms:Put*", effect="Deny")),
    ],
)
def test_what_is_no_policy_or_locks_its_author_out_is_refused(
    kms: Any, key_id: str, text: str
) -> None:
    before = kms.get_key_policy(KeyId=key_id)["Policy"]
    keys = len(kms.list_keys()["Keys"])
    for call in (
        lambda: kms.put_key_policy(KeyId=key_id, Policy=text),
        lambda: kms.create_key(Policy=text),
    ):
        assert refusal(call)[0] == "MalformedPolicyDocumentException"
    assert kms.get_key_policy(KeyId=key_id)["Policy"] == before
    assert len(kms.list_keys()["Keys"]) == keys


def test_the_check_against_locking_oneself_out_can_be_bypassed(kms: Any, key_id: str) -> None:
    text = policy(statement(user("ada"), "kms:*"))
    kms.put_key_policy(KeyId=key_id, Policy=text, BypassPolicyLockoutSafetyCheck=True)
    code, message = refusal(lambda: kms.describe_key(KeyId=key_id))
    assert code == DENIED
    assert message.endswith("because no resource-based policy allows the kms:DescribeKey action")


def test_iam_policies_count_where_the_key_policy_names_the_account(
    registry: Registry, kms: Any, key_id: str
) -> None:
    ada = aws(registry, "kms", registry.user("ada", allow("kms:Encrypt", "kms:ListKeys")))
    asked = {"KeyId": key_id, "Plaintext": b"x"}
    assert ada.encrypt(**asked)["CiphertextBlob"]
    assert refusal(lambda: ada.describe_key(KeyId=key_id))[0] == DENIED
    without = policy(statement(ADMIN, "kms:*"))
    kms.put_key_policy(KeyId=key_id, Policy=without)
    assert refused(ada.encrypt, **asked)[0] == DENIED
    assert ada.list_keys()["Keys"]
    kms.put_key_policy(KeyId=key_id, Policy=policy(statement(ADMIN, "kms:*"), statement(ROOT, "*")))
    assert ada.encrypt(**asked)["CiphertextBlob"]


def test_the_key_policy_alone_allows_whom_it_names(
    registry: Registry, kms: Any, key_id: str
) -> None:
    ada = aws(registry, "kms", registry.user("ada"))
    assert refusal(lambda: ada.describe_key(KeyId=key_id))[0] == DENIED
    text = policy(statement(ROOT, "kms:*"), statement(user("ada"), "kms:DescribeKey"))
    kms.put_key_policy(KeyId=key_id, Policy=text)
    assert ada.describe_key(KeyId=key_id)
    kms.put_key_policy(
        KeyId=key_id,
        Policy=policy(
            statement(ROOT, "kms:*"),
            statement(user("ada"), "kms:DescribeKey"),
            statement(user("ada"), "kms:*", effect="Deny"),
        ),
    )
    code, message = refusal(lambda: ada.describe_key(KeyId=key_id))
    assert (code, "explicit deny in a resource-based policy" in message) == (DENIED, True)


def test_a_role_is_allowed_by_its_name(registry: Registry, kms: Any, key_id: str) -> None:
    role = make_role(registry, "crypto", trusting(ADMIN))
    session = aws(registry, "kms", assume(registry, None, role))
    assert refusal(lambda: session.describe_key(KeyId=key_id))[0] == DENIED
    text = policy(statement(ROOT, "kms:*"), statement(role, "kms:DescribeKey"))
    kms.put_key_policy(KeyId=key_id, Policy=text)
    assert session.describe_key(KeyId=key_id)


def test_another_account_needs_both_sides(registry: Registry, kms: Any, key_id: str) -> None:
    eve = aws(registry, "kms", registry.user("eve", allow("kms:Encrypt"), account=OTHER))
    weak = aws(registry, "kms", registry.user("weak", account=OTHER))
    arn = f"{ARN}key/{key_id}"
    kms.create_alias(AliasName="alias/shared", TargetKeyId=key_id)
    for reference in (arn, f"{ARN}alias/shared"):
        code, _ = refused(eve.encrypt, KeyId=reference, Plaintext=b"x")
        assert code == DENIED
    kms.put_key_policy(
        KeyId=key_id,
        Policy=policy(statement(ROOT, "kms:*"), statement(f"arn:aws:iam::{OTHER}:root", "kms:*")),
    )
    assert eve.encrypt(KeyId=arn, Plaintext=b"x")["KeyId"] == arn
    assert eve.encrypt(KeyId=f"{ARN}alias/shared", Plaintext=b"x")["KeyId"] == arn
    assert refusal(lambda: weak.encrypt(KeyId=arn, Plaintext=b"x"))[0] == DENIED
    code, message = refused(eve.encrypt, KeyId=key_id, Plaintext=b"x")
    assert (code, OTHER in message) == ("NotFoundException", True)  # an id alone is her account's


def test_some_operations_are_for_the_keys_own_account_alone(
    registry: Registry, kms: Any, key_id: str
) -> None:
    eve = aws(registry, "kms", registry.user("eve", allow("*"), account=OTHER))
    other = f"arn:aws:iam::{OTHER}:root"
    kms.put_key_policy(
        KeyId=key_id, Policy=policy(statement(ROOT, "kms:*"), statement(other, "kms:*"))
    )
    arn = f"{ARN}key/{key_id}"
    assert eve.describe_key(KeyId=arn)
    for call in (
        lambda: eve.disable_key(KeyId=arn),
        lambda: eve.schedule_key_deletion(KeyId=arn),
        lambda: eve.put_key_policy(KeyId=arn, Policy=policy(statement(other, "kms:*"))),
        lambda: eve.tag_resource(KeyId=arn, Tags=[{"TagKey": "a", "TagValue": "b"}]),
        lambda: eve.rotate_key_on_demand(KeyId=arn),
    ):
        assert refusal(call)[0] == DENIED
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "Enabled"


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"kms:EncryptionContext:team": "pay"}, True),
        ({"kms:EncryptionContext:team": "ops"}, False),
        ({"kms:CallerAccount": ACCOUNT}, True),
        ({"kms:CallerAccount": OTHER}, False),
        ({"kms:RequestAlias": "alias/pay"}, True),
        ({"kms:RequestAlias": "alias/ops"}, False),
        ({"kms:KeySpec": "SYMMETRIC_DEFAULT", "kms:KeyOrigin": "AWS_KMS"}, True),
        ({"aws:ResourceTag/team": "pay"}, True),
        ({"aws:ResourceTag/team": "ops"}, False),
        ({"kms:ViaService": "ecr.us-east-1.amazonaws.com"}, False),
    ],
)
def test_conditions_are_asked(
    registry: Registry, kms: Any, key_id: str, condition: dict[str, str], *, allowed: bool
) -> None:
    kms.create_alias(AliasName="alias/pay", TargetKeyId=key_id)
    kms.tag_resource(KeyId=key_id, Tags=[{"TagKey": "team", "TagValue": "pay"}])
    text = policy(
        statement(ROOT, "kms:*"), statement(user("ada"), "kms:Encrypt", StringEquals=condition)
    )
    kms.put_key_policy(KeyId=key_id, Policy=text)
    ada = aws(registry, "kms", registry.user("ada"))
    asked = {"KeyId": "alias/pay", "Plaintext": b"x", "EncryptionContext": {"team": "pay"}}
    if allowed:
        assert ada.encrypt(**asked)["CiphertextBlob"]
    else:
        assert refusal(lambda: ada.encrypt(**asked))[0] == DENIED


def test_tags_of_the_request_are_asked(registry: Registry) -> None:
    only = {"StringEquals": {"aws:RequestTag/team": "pay"}}
    actions = ["kms:CreateKey", "kms:TagResource"]
    document = {"Effect": "Allow", "Action": actions, "Resource": "*", "Condition": only}
    text = json.dumps({"Version": "2012-10-17", "Statement": [document]})
    ada = aws(registry, "kms", registry.user("ada", text))
    assert ada.create_key(Tags=[{"TagKey": "team", "TagValue": "pay"}])
    for tags in ([], [{"TagKey": "team", "TagValue": "ops"}]):
        assert refused(ada.create_key, Tags=tags)[0] == DENIED
