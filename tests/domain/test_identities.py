from __future__ import annotations

import pytest

from registry.database.database import Cache
from registry.domain.identities import ADMINISTRATOR, Identities
from registry.values.errors import Damaged, NotFound, ParameterInvalid
from tests.application import ACCOUNT, Registry, allow


def test_users_and_keys_have_amazons_form(registry: Registry) -> None:
    key = registry.user("ada", allow("*"))
    assert key.id.startswith("AKIA")
    assert key.user.id.startswith("AIDA")
    assert len(key.id) == len(key.user.id) == 20
    assert len(key.secret) == 40
    assert key.secret not in repr(key)
    assert registry.ground.identities.access_key(key.id) == key
    assert registry.ground.identities.named(ACCOUNT, "ada") == key.user


def test_a_name_is_taken_once_in_an_account(registry: Registry) -> None:
    registry.user("ada")
    with pytest.raises(ParameterInvalid, match="'ada'"):
        registry.user("ada")
    with pytest.raises(ParameterInvalid, match=ADMINISTRATOR):
        registry.user(ADMINISTRATOR)
    registry.user("ada", account="111122223333")


def test_who_is_not_active_is_not_found(registry: Registry) -> None:
    identities, key = registry.ground.identities, registry.user("ada")
    other = identities.create_access_key(key.user)
    identities.set_key_active(key.id, active=False)
    assert identities.access_key(key.id) is None
    assert identities.access_key(other.id) == other
    identities.set_user_active(key.user.id, active=False)
    assert identities.access_key(other.id) is None
    assert identities.user(key.user.id) is None
    assert identities.named(ACCOUNT, "ada") is None
    for missing in (identities.set_user_active, identities.set_key_active):
        with pytest.raises(NotFound, match="nobody"):
            missing("nobody", active=True)


def test_no_secret_is_stored_in_clear_or_opens_under_another_key(registry: Registry) -> None:
    key = registry.user("ada")
    stored = registry.settings.data / "moorage.db"
    content = stored.read_bytes() + stored.with_name("moorage.db-wal").read_bytes()
    assert key.id.encode() in content
    assert key.secret.encode() not in content
    ground = registry.ground
    cache = Cache(ground.database)
    stranger = Identities(ground.database, cache, b"k" * 32)
    with pytest.raises(Damaged, match=key.id) as refused:
        stranger.access_key(key.id)
    assert key.secret not in str(refused.value)
    cache.close()
