from __future__ import annotations

import pytest

from registry.database.database import Cache
from registry.domain.identities.accounts import ADMINISTRATOR
from registry.domain.identities.directory import Directory
from registry.domain.identities.secrets import Secrets
from registry.domain.identities.users import AccessKeys, Users
from registry.values.errors import Damaged, EntityExists, NotFound
from tests.application import ACCOUNT, Registry, allow


def test_users_and_keys_have_amazons_form(registry: Registry) -> None:
    key = registry.user("ada", allow("*"))
    assert key.id.startswith("AKIA")
    assert key.user.id.startswith("AIDA")
    assert (len(key.id), len(key.user.id)) == (20, 21)
    assert len(key.secret) == 40
    assert key.secret not in repr(key)
    assert registry.ground.directory.access_key(key.id) == key
    assert registry.ground.directory.user_named(ACCOUNT, "ada") == key.user


def test_a_name_is_taken_once_in_an_account_whatever_its_case(registry: Registry) -> None:
    users = Users(registry.ground.database)
    registry.user("ada")
    registry.user("ada", account="111122223333")
    for name in ("ada", "ADA", ADMINISTRATOR):
        with pytest.raises(EntityExists, match=name):
            users.create(ACCOUNT, name)


def test_who_is_not_active_is_not_found(registry: Registry) -> None:
    directory, key = registry.ground.directory, registry.user("ada")
    user = key.user
    other = registry.ground.accounts.new_key(user.id, user.name, lambda _key: None)
    registry.set_key_active(key, active=False)
    assert directory.access_key(key.id) is None
    found = directory.access_key(other.id)
    assert found is not None
    assert found.secret == other.secret
    registry.set_user_active(key, active=False)
    assert directory.access_key(other.id) is None
    assert directory.user(user.id) is None
    assert directory.user_named(ACCOUNT, "ada") is None
    with pytest.raises(NotFound, match="nobody"):
        Users(registry.ground.database).set_active(ACCOUNT, "nobody", active=True)
    keys = AccessKeys(registry.ground.database, registry.ground.secrets)
    with pytest.raises(NotFound, match="AKIANOBODY"):
        keys.set_active(ACCOUNT, "ada", "AKIANOBODY", active=True)


def test_no_secret_is_stored_in_clear_or_opens_under_another_key(registry: Registry) -> None:
    key = registry.user("ada")
    stored = registry.settings.data / "moorage.db"
    content = stored.read_bytes() + stored.with_name("moorage.db-wal").read_bytes()
    assert key.id.encode() in content
    assert key.secret.encode() not in content
    cache = Cache(registry.ground.database)
    stranger = Directory(registry.ground.database, cache, Secrets(b"k" * 32))
    with pytest.raises(Damaged, match=key.id) as refused:
        stranger.access_key(key.id)
    assert key.secret not in str(refused.value)
    cache.close()
