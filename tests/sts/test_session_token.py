"""GetSessionToken, GetAccessKeyInfo, and GetCallerIdentity with what they give."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.identities.arns import account_of_session_key, session_key_id
from registry.domain.identities.users import AccessKeys
from tests.application import ACCOUNT, Registry, allow
from tests.identities import ADMIN, OTHER, Temporary, assume, aws, make_role, temporary, trusting


def refused(call: Any, **options: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**options)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_users_session_is_the_user_within_its_policies(registry: Registry) -> None:
    registry.create("team/app")
    user = registry.user("ada", allow("ecr:ListImages"))
    answer = registry.sts(user).get_session_token(DurationSeconds=900)
    left = answer["Credentials"]["Expiration"] - datetime.now(UTC)
    assert timedelta(seconds=880) < left <= timedelta(seconds=900)
    key = temporary(answer)
    assert aws(registry, "sts", key).get_caller_identity()["Arn"] == user.user.arn
    aws(registry, "ecr", key).list_images(repositoryName="team/app")
    call = aws(registry, "ecr", key).delete_repository
    assert refused(call, repositoryName="team/app")[0] == "AccessDeniedException"


def test_no_policy_is_needed_and_none_forbids_it(registry: Registry) -> None:
    user = registry.user("ada", allow("*", effect="Deny"))
    answer = registry.sts(user).get_session_token()
    left = answer["Credentials"]["Expiration"] - datetime.now(UTC)
    assert timedelta(hours=11, minutes=59) < left <= timedelta(hours=12)


def test_it_takes_a_long_lived_key(registry: Registry) -> None:
    key = temporary(registry.sts().get_session_token())
    told = ("AccessDenied", "Cannot call GetSessionToken with session credentials")
    assert refused(aws(registry, "sts", key).get_session_token) == told
    role = make_role(registry, "puller", trusting(ADMIN))
    session = assume(registry, None, role)
    assert refused(aws(registry, "sts", session).get_session_token) == told


@pytest.mark.parametrize("seconds", [899, 129_601])
def test_how_long_it_may_last(registry: Registry, seconds: int) -> None:
    code, message = refused(registry.sts().get_session_token, DurationSeconds=seconds)
    assert code == "ValidationError"
    assert "at 'durationSeconds' failed to satisfy constraint" in message


def test_it_ends_with_its_key(registry: Registry) -> None:
    user = registry.user("ada")
    key = temporary(registry.sts(user).get_session_token())
    keys = AccessKeys(registry.ground.database, registry.ground.secrets)
    keys.set_active(ACCOUNT, "ada", user.id, active=False)
    call = aws(registry, "sts", key).get_caller_identity
    assert refused(call)[0] == "InvalidClientTokenId"


def test_a_session_that_is_over(registry: Registry) -> None:
    sessions = registry.ground.sessions
    made = sessions.of_user(ACCOUNT, registry.admin.id, timedelta(seconds=-1))
    key = Temporary(made.id, made.secret, made.session_token)
    assert refused(aws(registry, "sts", key).get_caller_identity) == (
        "ExpiredToken",
        "The security token included in the request is expired",
    )


def test_token_key_and_secret_belong_together(registry: Registry) -> None:
    one = temporary(registry.sts().get_session_token())
    two = temporary(registry.sts().get_session_token())
    for mixed, code in (
        (Temporary(two.id, one.secret, one.token), "InvalidClientTokenId"),
        (Temporary(one.id, two.secret, one.token), "SignatureDoesNotMatch"),
        (Temporary(registry.admin.id, registry.admin.secret, one.token), "InvalidClientTokenId"),
        (Temporary(one.id, one.secret, one.token[:-8] + "AAAAAAA="), "InvalidClientTokenId"),
        (Temporary(one.id, one.secret, "not base64"), "InvalidClientTokenId"),
    ):
        assert refused(aws(registry, "sts", mixed).get_caller_identity)[0] == code


def test_the_account_of_a_key(registry: Registry) -> None:
    other = registry.user("bob", account=OTHER)
    session = temporary(registry.sts(other).get_session_token())
    for key_id, account in (
        (registry.admin.id, ACCOUNT),
        (other.id, OTHER),
        (session.id, OTHER),
    ):
        assert registry.sts().get_access_key_info(AccessKeyId=key_id)["Account"] == account
    for unknown in ("AKIAIOSFODNN7EXAMPLE", session_key_id("000000000007"), "ASIA!!!!!!!!!!!!"):
        code, _ = refused(registry.sts().get_access_key_info, AccessKeyId=unknown)
        assert code == "ValidationError"


def test_asking_for_an_account_needs_permission(registry: Registry) -> None:
    user = registry.user("ada")
    code, message = refused(registry.sts(user).get_access_key_info, AccessKeyId=user.id)
    assert code == "AccessDenied"
    assert message == (
        f"User: {user.user.arn} is not authorized to perform: sts:GetAccessKeyInfo on resource: *"
        " because no identity-based policy allows the sts:GetAccessKeyInfo action"
    )


@given(st.integers(0, 10**12 - 1).map(lambda number: f"{number:012}"))
def test_a_temporary_keys_id_tells_its_account(account: str) -> None:
    key_id = session_key_id(account)
    assert len(key_id) == 20
    assert account_of_session_key(key_id) == account


@given(st.text(max_size=24))
def test_any_other_id_tells_none_or_an_account(text: str) -> None:
    found = account_of_session_key(text)
    assert found is None or (text.startswith("ASIA") and len(found) == 12)
