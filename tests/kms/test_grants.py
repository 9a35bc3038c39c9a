from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from registry.app import tend
from registry.database.schema import key_grants
from registry.domain.access import Circumstances
from registry.domain.explanation import explain
from tests.application import ACCOUNT, REGION, SCOPE, Registry, allow
from tests.ecr.calls import refusal
from tests.identities import ADMIN, OTHER, assume, aws, make_role, trusting
from tests.kms.calls import refused

ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:"
DENIED = "AccessDeniedException"


def user(name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:iam::{account}:user/{name}"


@pytest.fixture
def ada(registry: Registry) -> Any:
    """A user who may nothing."""
    return aws(registry, "kms", registry.user("ada"))


def grant(kms: Any, key_id: str, *operations: str, to: str = user("ada"), **more: Any) -> Any:
    return kms.create_grant(KeyId=key_id, GranteePrincipal=to, Operations=list(operations), **more)


def test_a_grant_allows_what_it_says_until_it_is_revoked(kms: Any, key_id: str, ada: Any) -> None:
    made = grant(kms, key_id, "Encrypt", "DescribeKey", Name="for-ada")
    blob = ada.encrypt(KeyId=key_id, Plaintext=b"x", GrantTokens=[made["GrantToken"]])
    assert ada.describe_key(KeyId=key_id)
    assert refusal(lambda: ada.decrypt(CiphertextBlob=blob["CiphertextBlob"]))[0] == DENIED
    (listed,) = kms.list_grants(KeyId=key_id)["Grants"]
    listed.pop("CreationDate")
    assert listed == {
        "KeyId": f"{ARN}key/{key_id}",
        "GrantId": made["GrantId"],
        "Name": "for-ada",
        "GranteePrincipal": user("ada"),
        "IssuingAccount": f"arn:aws:iam::{ACCOUNT}:root",
        "Operations": ["DescribeKey", "Encrypt"],
    }
    kms.revoke_grant(KeyId=key_id, GrantId=made["GrantId"])
    assert refusal(lambda: ada.describe_key(KeyId=key_id))[0] == DENIED
    assert kms.list_grants(KeyId=key_id)["Grants"] == []
    code, _ = refusal(lambda: kms.revoke_grant(KeyId=key_id, GrantId=made["GrantId"]))
    assert code == "NotFoundException"


def test_the_explanation_shows_the_grant_that_allows(
    registry: Registry, kms: Any, key_id: str
) -> None:
    key = registry.user("ada")
    grant(kms, key_id, "Encrypt")
    answer = explain(
        registry.stores.access, key.user, "kms:Encrypt", f"{ARN}key/{key_id}", Circumstances()
    )
    assert answer.decision.allowed
    assert answer.statement["Action"] == ["kms:Encrypt"]
    assert answer.statement["Principal"] == {"AWS": user("ada")}


def test_a_denial_outweighs_a_grant(registry: Registry, kms: Any, key_id: str) -> None:
    eve = aws(registry, "kms", registry.user("eve", allow("kms:*", effect="Deny")))
    grant(kms, key_id, "DescribeKey", to=user("eve"))
    assert refusal(lambda: eve.describe_key(KeyId=key_id))[0] == DENIED


def test_a_role_and_another_account_can_have_one(registry: Registry, kms: Any, key_id: str) -> None:
    role = make_role(registry, "crypto", trusting(ADMIN))
    session = aws(registry, "kms", assume(registry, None, role))
    grant(kms, key_id, "DescribeKey", to=role)
    assert session.describe_key(KeyId=key_id)
    eve = aws(registry, "kms", registry.user("eve", allow("kms:*"), account=OTHER))
    weak = aws(registry, "kms", registry.user("weak", account=OTHER))
    grant(kms, key_id, "DescribeKey", to=f"arn:aws:iam::{OTHER}:root")
    assert eve.describe_key(KeyId=f"{ARN}key/{key_id}")
    assert refusal(lambda: weak.describe_key(KeyId=f"{ARN}key/{key_id}"))[0] == DENIED


@pytest.mark.parametrize(
    ("constraint", "context", "allowed"),
    [
        ("EncryptionContextSubset", {"team": "pay"}, True),
        ("EncryptionContextSubset", {"team": "pay", "more": "x"}, True),
        ("EncryptionContextSubset", {"team": "ops"}, False),
        ("EncryptionContextSubset", {"Team": "pay"}, False),
        ("EncryptionContextSubset", {"team": "pay", "Team": "ops"}, False),
        ("EncryptionContextSubset", {}, False),
        ("EncryptionContextEquals", {"team": "pay"}, True),
        ("EncryptionContextEquals", {"team": "pay", "more": "x"}, False),
        ("EncryptionContextEquals", {}, False),
    ],
)
def test_constraints_bind_the_encryption_context(
    kms: Any, key_id: str, ada: Any, constraint: str, context: dict[str, str], *, allowed: bool
) -> None:
    grant(kms, key_id, "Encrypt", "DescribeKey", Constraints={constraint: {"team": "pay"}})
    asked = {"KeyId": key_id, "Plaintext": b"x", "EncryptionContext": context}
    if allowed:
        assert ada.encrypt(**asked)["CiphertextBlob"]
    else:
        assert refusal(lambda: ada.encrypt(**asked))[0] == DENIED
    assert ada.describe_key(KeyId=key_id)  # has no encryption context


def test_the_same_name_and_grant_is_made_once(kms: Any, key_id: str) -> None:
    one, again = (grant(kms, key_id, "Encrypt", Name="n") for _ in range(2))
    assert one["GrantId"] == again["GrantId"]
    other = grant(kms, key_id, "Decrypt", Name="n")
    unnamed = [grant(kms, key_id, "Encrypt")["GrantId"] for _ in range(2)]
    assert len({one["GrantId"], other["GrantId"], *unnamed}) == 4


def test_who_may_grant_hands_on_no_more_than_was_given(
    registry: Registry, kms: Any, key_id: str, ada: Any
) -> None:
    grant(kms, key_id, "CreateGrant", "Encrypt")
    bob = aws(registry, "kms", registry.user("bob"))
    code, _ = refusal(lambda: grant(ada, key_id, "Decrypt", to=user("bob")))
    assert code == DENIED
    grant(ada, key_id, "Encrypt", to=user("bob"))
    assert bob.encrypt(KeyId=key_id, Plaintext=b"x")
    constrained = {"EncryptionContextSubset": {"a": "b"}}
    eve = aws(registry, "kms", registry.user("eve"))
    grant(kms, key_id, "CreateGrant", "Encrypt", to=user("eve"), Constraints=constrained)
    assert refusal(lambda: grant(eve, key_id, "Encrypt", to=user("bob")))[0] == DENIED
    grant(eve, key_id, "Encrypt", to=user("bob"), Constraints=constrained)


def test_a_grant_is_retired_by_whom_it_names(
    registry: Registry, kms: Any, key_id: str, ada: Any
) -> None:
    bob = aws(registry, "kms", registry.user("bob"))
    arn = f"{ARN}key/{key_id}"
    made = [
        grant(kms, key_id, "Encrypt", RetiringPrincipal=user("bob")),
        grant(kms, key_id, "Encrypt", "RetireGrant"),
        grant(kms, key_id, "Encrypt"),
    ]
    retirable = kms.list_retirable_grants(RetiringPrincipal=user("bob"))["Grants"]
    assert [each["GrantId"] for each in retirable] == [made[0]["GrantId"]]
    assert retirable[0]["RetiringPrincipal"] == user("bob")
    for who, mine in ((bob, 0), (ada, 1)):
        for number in {0, 1, 2} - {mine}:
            token = made[number]["GrantToken"]
            assert refused(who.retire_grant, GrantToken=token)[0] == DENIED
            identifier = made[number]["GrantId"]
            assert refused(who.retire_grant, KeyId=arn, GrantId=identifier)[0] == DENIED
    bob.retire_grant(KeyId=arn, GrantId=made[0]["GrantId"])
    ada.retire_grant(GrantToken=made[1]["GrantToken"])
    kms.retire_grant(GrantToken=made[2]["GrantToken"])
    assert kms.list_grants(KeyId=key_id)["Grants"] == []
    code, _ = refusal(lambda: kms.retire_grant(GrantToken=made[2]["GrantToken"]))
    assert code == "NotFoundException"


def test_grants_are_listed_in_pages_and_filtered(kms: Any, key_id: str) -> None:
    made = [grant(kms, key_id, "Encrypt")["GrantId"] for _ in range(5)]
    bobs = grant(kms, key_id, "Encrypt", to=user("bob"))["GrantId"]
    pages = kms.get_paginator("list_grants").paginate(
        KeyId=key_id, PaginationConfig={"PageSize": 2}
    )
    found = [each["GrantId"] for page in pages for each in page["Grants"]]
    assert found == sorted([*made, bobs])

    def listed(**asked: str) -> list[str]:
        grants = kms.list_grants(KeyId=key_id, **asked)["Grants"]
        return [each["GrantId"] for each in grants]

    assert listed(GranteePrincipal=user("bob")) == [bobs]
    assert listed(GrantId=made[0]) == [made[0]]
    assert refusal(lambda: listed(GrantId="a" * 64))[0] == "NotFoundException"
    assert refusal(lambda: kms.list_grants(KeyId=key_id, Marker="x"))[0] == "InvalidMarkerException"


def test_what_cannot_be_granted_is_refused(kms: Any, key_id: str) -> None:
    for wanted, call in (
        ("InvalidArnException", lambda: grant(kms, key_id, "Encrypt", to="arn:aws:iam::1:x")),
        ("ValidationException", lambda: grant(kms, key_id, "Sign")),
        ("ValidationException", lambda: grant(kms, key_id)),
        ("InvalidGrantTokenException", lambda: grant(kms, key_id, "Encrypt", GrantTokens=["x"])),
        ("InvalidGrantTokenException", lambda: kms.retire_grant(GrantToken="x")),
        ("ValidationException", kms.retire_grant),
        ("ValidationException", lambda: kms.create_grant(KeyId=key_id, Operations=["Encrypt"])),
        ("ValidationException", kms.list_retirable_grants),
        ("DryRunOperationException", lambda: grant(kms, key_id, "Encrypt", DryRun=True)),
        (DENIED, lambda: kms.list_retirable_grants(RetiringPrincipal=user("eve", OTHER))),
    ):
        assert refusal(call)[0] == wanted
    assert kms.list_grants(KeyId=key_id)["Grants"] == []


def test_a_destroyed_keys_grants_go_with_it(registry: Registry, kms: Any, key_id: str) -> None:
    kept = kms.create_key()["KeyMetadata"]["KeyId"]
    grant(kms, key_id, "Encrypt")
    grant(kms, kept, "Encrypt")
    registry.ground.keys.edit(lambda ring: ring.without([key_id]))
    tend(registry.ground)
    with registry.ground.database.read() as connection:
        left = connection.execute(sa.select(key_grants.c.key_id)).scalars().all()
    assert left == [kept]


def test_ecr_has_a_grant_as_long_as_the_repository_lives(
    registry: Registry, kms: Any, key_id: str
) -> None:
    config = {"encryptionType": "KMS", "kmsKey": key_id}
    ecr = registry.ecr()
    ecr.create_repository(repositoryName="team/app", encryptionConfiguration=config)  # type: ignore[arg-type]  # plain dict
    ecr.create_repository(repositoryName="team/plain")
    (found,) = kms.list_grants(KeyId=key_id)["Grants"]
    assert found["GranteePrincipal"] == f"ecr.{REGION}.amazonaws.com"
    arn = SCOPE.repository_arn("team/app")
    assert found["Constraints"] == {"EncryptionContextSubset": {"aws:ecr:arn": arn}}
    assert {"Decrypt", "GenerateDataKey"} <= set(found["Operations"])
    for call in (
        lambda: kms.revoke_grant(KeyId=key_id, GrantId=found["GrantId"]),
        lambda: kms.retire_grant(KeyId=f"{ARN}key/{key_id}", GrantId=found["GrantId"]),
    ):
        code, message = refusal(call)
        assert (code, arn in message) == ("KMSInvalidStateException", True)
    ecr.delete_repository(repositoryName="team/app")
    assert kms.list_grants(KeyId=key_id)["Grants"] == []
