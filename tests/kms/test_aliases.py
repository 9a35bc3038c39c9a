from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.application import ACCOUNT, REGION, Registry, allow
from tests.ecr.calls import refusal
from tests.identities import OTHER, aws
from tests.kms.calls import refused

MILLISECOND = timedelta(milliseconds=1)
ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:"


def target(kms: Any, alias: str) -> str:
    found: str = kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"]
    return found


def test_an_alias_is_made_moved_and_taken_away(kms: Any, key_id: str) -> None:
    other = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/a/b", TargetKeyId=key_id)
    assert target(kms, "alias/a/b") == key_id
    found = refusal(lambda: kms.create_alias(AliasName="alias/a/b", TargetKeyId=other))
    message = f"An alias with the name {ARN}alias/a/b already exists"
    assert found == ("AlreadyExistsException", message)
    kms.update_alias(AliasName="alias/a/b", TargetKeyId=other)
    assert target(kms, "alias/a/b") == other.rpartition("/")[2]
    kms.delete_alias(AliasName="alias/a/b")
    for call in (
        lambda: kms.delete_alias(AliasName="alias/a/b"),
        lambda: kms.update_alias(AliasName="alias/a/b", TargetKeyId=key_id),
        lambda: kms.create_alias(AliasName="alias/a/b", TargetKeyId="none"),
    ):
        assert refusal(call)[0] == "NotFoundException"


@pytest.mark.parametrize("name", ["x", "alias/aws/mine", "alias/moorage/x", "alias/", "alias/a:b"])
def test_a_name_that_cannot_be_is_refused(kms: Any, key_id: str, name: str) -> None:
    code, _ = refusal(lambda: kms.create_alias(AliasName=name, TargetKeyId=key_id))
    assert code == "InvalidAliasNameException"


def test_aliases_of_accounts_do_not_meet(registry: Registry, kms: Any, key_id: str) -> None:
    theirs = aws(registry, "kms", registry.user("eve", allow("*"), account=OTHER))
    their_id = theirs.create_key()["KeyMetadata"]["KeyId"]
    for client, each in ((kms, key_id), (theirs, their_id)):
        client.create_alias(AliasName="alias/same", TargetKeyId=each)
        assert target(client, "alias/same") == each
    for call in (
        lambda: theirs.create_alias(AliasName="alias/x", TargetKeyId=f"{ARN}key/{key_id}"),
        lambda: theirs.update_alias(AliasName="alias/same", TargetKeyId=f"{ARN}key/{key_id}"),
        lambda: theirs.list_aliases(KeyId=f"{ARN}key/{key_id}"),
    ):
        assert refusal(call)[0] == "AccessDeniedException"
    assert target(theirs, "alias/same") == their_id


def test_aliases_are_listed_in_pages_and_by_key(kms: Any, key_id: str) -> None:
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    wanted = {f"alias/{n}": (key_id if n % 2 else other) for n in range(5)}
    for name, each in wanted.items():
        kms.create_alias(AliasName=name, TargetKeyId=each)
    pages = kms.get_paginator("list_aliases").paginate(PaginationConfig={"PageSize": 2})
    found = [alias for page in pages for alias in page["Aliases"]]
    assert [each["AliasName"] for each in found] == sorted([*wanted, "alias/aws/ecr"])
    assert {each["AliasArn"] for each in found} >= {ARN + name for name in wanted}
    listed = kms.list_aliases(KeyId=key_id)["Aliases"]
    assert [each["AliasName"] for each in listed] == ["alias/1", "alias/3"]
    assert {each["TargetKeyId"] for each in listed} == {key_id}


def test_dates_are_told(kms: Any, key_id: str) -> None:
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    before = datetime.now(UTC)
    kms.create_alias(AliasName="alias/a", TargetKeyId=key_id)
    (made,) = kms.list_aliases(KeyId=key_id)["Aliases"]
    assert before - MILLISECOND <= made["CreationDate"] <= datetime.now(UTC)
    assert made["LastUpdatedDate"] == made["CreationDate"]
    kms.update_alias(AliasName="alias/a", TargetKeyId=other)
    (moved,) = kms.list_aliases(KeyId=other)["Aliases"]
    assert moved["CreationDate"] == made["CreationDate"]
    assert moved["LastUpdatedDate"] > made["LastUpdatedDate"]
    every = {each["AliasName"]: each for each in kms.list_aliases()["Aliases"]}
    assert every["alias/aws/ecr"]["CreationDate"] < before


def test_an_alias_needs_a_right_to_itself_and_to_the_key(
    registry: Registry, kms: Any, key_id: str
) -> None:
    for number, resource in enumerate((f"{ARN}alias/*", f"{ARN}key/*")):
        user = registry.user(f"half-{number}", allow("kms:*", resource=resource))
        half = aws(registry, "kms", user)
        call = half.create_alias
        code, _ = refused(call, AliasName="alias/a", TargetKeyId=key_id)
        assert code == "AccessDeniedException"
    both = registry.user("both", allow("kms:CreateAlias", resource=f"{ARN}*"))
    aws(registry, "kms", both).create_alias(AliasName="alias/a", TargetKeyId=key_id)
    assert target(kms, "alias/a") == key_id
