from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from registry.keys.ring import (
    Alias,
    KeyState,
    KeyVersion,
    MasterKey,
    Ring,
    checked_alias,
    checked_description,
)
from registry.values.errors import Conflict, KeyNotFound, ParameterInvalid
from registry.values.scope import Scope

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = b"0123456789abcdef0123456789abcdef"


def key(key_id: str = "one", *aliases: str, managed: bool = False) -> MasterKey:
    version = KeyVersion(1, SECRET, NOW)
    return MasterKey(key_id, "", NOW, (version,), named=tuple(map(Alias, aliases)), managed=managed)


def test_a_rotation_adds_a_version_and_keeps_the_old_ones() -> None:
    rotated = key().rotated(b"new", NOW)
    assert [each.number for each in rotated.versions] == [1, 2]
    assert rotated.version(1) == KeyVersion(1, SECRET, NOW)
    assert rotated.version(2) == KeyVersion(2, b"new", NOW)
    assert rotated.version(3) is None


def test_the_states_follow_those_of_kms() -> None:
    disabled = key().disabled()
    assert disabled.state is KeyState.DISABLED
    assert disabled.disabled() == disabled
    assert disabled.enabled() == key()
    pending = disabled.scheduled(NOW, 7)
    assert pending.state is KeyState.PENDING_DELETION
    assert pending.deletion_date == NOW + timedelta(days=7)
    assert pending.deletion_cancelled() == disabled


def test_a_key_pending_deletion_can_only_be_saved() -> None:
    pending = key().scheduled(NOW, 30)
    for change in (pending.enabled, pending.disabled, lambda: pending.scheduled(NOW, 7)):
        with pytest.raises(Conflict, match="pending deletion"):
            change()
    with pytest.raises(Conflict, match="PendingDeletion"):
        pending.rotated(SECRET, NOW)


def test_what_is_not_pending_cannot_be_cancelled_and_what_is_disabled_not_rotated() -> None:
    with pytest.raises(Conflict, match="not pending deletion, but Enabled"):
        key().deletion_cancelled()
    with pytest.raises(Conflict, match="not enabled, but Disabled"):
        key().disabled().rotated(SECRET, NOW)


@pytest.mark.parametrize("days", [-1, 0, 6, 31])
def test_a_deletion_waits_for_7_to_30_days(days: int) -> None:
    with pytest.raises(ParameterInvalid, match=f"7 to 30 days, not {days}"):
        key().scheduled(NOW, days)


def test_a_managed_key_is_rotated_but_neither_disabled_nor_deleted() -> None:
    managed = key("one", "alias/aws/ecr", managed=True)
    with pytest.raises(ParameterInvalid, match=r"alias/aws/ecr.*cannot be disabled"):
        managed.disabled()
    with pytest.raises(ParameterInvalid, match="cannot be deleted"):
        managed.scheduled(NOW, 30)
    assert len(managed.rotated(SECRET, NOW).versions) == 2


def test_an_alias_stands_for_one_key() -> None:
    ring = Ring(SECRET, (key("one", "alias/a", "alias/b"), key("two")))
    moved = ring.aliased("alias/a", "two", NOW)
    assert moved.key("one").aliases == ("alias/b",)
    assert moved.key("two").aliases == ("alias/a",)
    assert moved.aliased("alias/a", "two", NOW) == moved
    with pytest.raises(KeyNotFound, match="'three'"):
        ring.aliased("alias/a", "three", NOW)
    with pytest.raises(Conflict, match="pending"):
        ring.changed(key("two").scheduled(NOW, 7)).aliased("alias/a", "two", NOW)


def test_an_alias_keeps_when_it_was_made_and_when_it_came_to_its_key() -> None:
    later, latest = NOW + timedelta(days=1), NOW + timedelta(days=2)
    ring = Ring(SECRET, (key("one"), key("two"))).aliased("alias/a", "one", NOW)
    moved = ring.aliased("alias/a", "two", later)
    assert moved.key("two").named == (Alias("alias/a", NOW, later),)
    again = moved.unaliased("alias/a", Scope("", "")).aliased("alias/a", "two", latest)
    assert again.key("two").named == (Alias("alias/a", latest, latest),)


def test_keys_are_due_on_their_date() -> None:
    ring = Ring(SECRET, (key("one").scheduled(NOW, 7), key("two")))
    assert ring.due(NOW + timedelta(days=7, microseconds=-1)) == ()
    assert ring.due(NOW + timedelta(days=7)) == ("one",)
    assert ring.without(("one",)).keys == (key("two"),)


@pytest.mark.parametrize(
    "alias",
    [
        "",
        "x",
        "alias/",
        "alias/a b",
        "alias/ü",
        "alias/" + "a" * 251,
        "alias/a\n",
        "alias/aws/ecr",
        "alias/aws/mine",
        "alias/moorage/default",
    ],
)
def test_aliases_outside_the_grammar_or_reserved_are_refused(alias: str) -> None:
    with pytest.raises(ParameterInvalid, match="alias"):
        checked_alias(alias)


def test_good_aliases_and_descriptions_pass() -> None:
    assert checked_alias("alias/Team/a_b-1") == "alias/Team/a_b-1"
    assert checked_description("x" * 8192) == "x" * 8192
    with pytest.raises(ParameterInvalid, match="8192"):
        checked_description("x" * 8193)


def test_no_secret_shows() -> None:
    ring = Ring(SECRET, (key(),))
    assert SECRET.decode() not in f"{ring!r} {ring} {ring.keys[0].versions[0]!r}"
