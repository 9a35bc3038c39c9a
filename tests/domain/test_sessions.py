"""Session tokens: sealed, bound to their key, and worth what their role or user is now."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.domain.identities.identity import Credential
from registry.domain.identities.sessions import Sessions, TemporaryKey
from registry.domain.identities.users import AccessKeys
from tests.application import ACCOUNT, Registry, allow
from tests.identities import make_role, trusting

HOUR = timedelta(hours=1)
ANY_FIXTURE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def key(registry: Registry) -> TemporaryKey:
    """The administrator's, for an hour."""
    return registry.ground.sessions.of_user(ACCOUNT, registry.admin.id, HOUR)


def test_a_token_tells_nothing_by_itself(key: TemporaryKey, registry: Registry) -> None:
    sealed = base64.b64decode(key.session_token)
    for told in (key.secret, registry.admin.id, "expires", registry.admin.user.id):
        assert told.encode() not in sealed
    assert key.secret not in repr(key)
    assert key.session_token not in repr(key)


@ANY_FIXTURE
@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_any_changed_bit_is_noticed(
    registry: Registry, key: TemporaryKey, position: int, bit: int
) -> None:
    sealed = bytearray(base64.b64decode(key.session_token))
    sealed[position % len(sealed)] ^= 1 << bit
    forged = base64.b64encode(bytes(sealed)).decode()
    assert registry.ground.sessions.find(key.id, forged) is None


@ANY_FIXTURE
@given(st.one_of(st.text(), st.binary().map(lambda data: base64.b64encode(data).decode())))
def test_anything_else_is_no_token(registry: Registry, text: str) -> None:
    assert registry.ground.sessions.find("ASIAIOSFODNN7EXAMPLE", text) is None
    assert registry.ground.sessions.find(text, text) is None


def test_a_token_of_another_keyring_or_key_is_none(registry: Registry, key: TemporaryKey) -> None:
    sessions = registry.ground.sessions
    stranger = Sessions(bytes(32), registry.ground.directory)
    assert sessions.find(key.id, key.session_token) is not None
    assert stranger.find(key.id, key.session_token) is None
    assert sessions.find(registry.admin.id, key.session_token) is None
    assert sessions.find(key.id, "A" * 20_000) is None


def test_the_moment_it_ends(registry: Registry, key: TemporaryKey) -> None:
    sessions = registry.ground.sessions
    before = sessions.find(key.id, key.session_token, key.expires_at - timedelta(microseconds=1))
    after = sessions.find(key.id, key.session_token, key.expires_at)
    assert before is not None
    assert after is not None
    assert (before.expired, after.expired) == (False, True)
    assert key.expires_at <= datetime.now(UTC) + HOUR


def test_the_key_at_the_beginning_of_a_chain(registry: Registry, key: TemporaryKey) -> None:
    sessions, directory = registry.ground.sessions, registry.ground.directory
    make_role(registry, "puller", trusting("*"), allow("ecr:*"))
    role = directory.role_named(ACCOUNT, "puller")
    assert role is not None
    first = sessions.source(Credential(key.id, key.session_token))
    chained = sessions.of_role(role, "ci", HOUR, source=first)
    own = sessions.of_role(role, "machine", HOUR)
    begun = [
        sessions.source(Credential(each.id, each.session_token)) for each in (key, chained, own)
    ]
    assert begun == [registry.admin.id, registry.admin.id, None]
    keys = AccessKeys(registry.ground.database, registry.ground.secrets)
    keys.set_active(ACCOUNT, "admin", registry.admin.id, active=False)
    assert sessions.find(chained.id, chained.session_token) is None
    assert sessions.find(own.id, own.session_token) is not None
