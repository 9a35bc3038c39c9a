from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from registry.keys.local import LocalKeyring
from registry.keys.provider import KeyProvider
from registry.keys.ring import DEFAULT_ALIAS, ECR_ALIAS, KeyState
from registry.keys.ringjson import decode
from registry.values.errors import (
    Conflict,
    Damaged,
    KeyNotFound,
    KeyUnavailable,
    MoorageError,
    ParameterInvalid,
)
from registry.values.scope import Scope

ACCOUNT, REGION = "123456789012", "us-east-1"
ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:"
CONTEXT = {"purpose": "test"}


class Clock:
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keyring.json"


@pytest.fixture
def keyring(path: Path, clock: Clock) -> LocalKeyring:
    return LocalKeyring(path, ACCOUNT, REGION, clock=clock)


def opened(path: Path) -> LocalKeyring:
    return LocalKeyring(path, ACCOUNT, REGION, create=False)


def test_it_begins_with_two_managed_keys(keyring: LocalKeyring) -> None:
    default, ecr = keyring.list()
    assert (default.aliases, ecr.aliases) == ((DEFAULT_ALIAS,), (ECR_ALIAS,))
    assert default.managed
    assert ecr.managed
    assert default.key_id != ecr.key_id
    assert default.arn == f"{ARN}key/{default.key_id}"
    provider: KeyProvider = keyring
    provider.check(provider.resolve(DEFAULT_ALIAS))


def test_a_second_start_finds_the_first_ones_keys(keyring: LocalKeyring, path: Path) -> None:
    data_key = keyring.generate_data_key(keyring.resolve(ECR_ALIAS), CONTEXT)
    again = LocalKeyring(path, ACCOUNT, REGION)
    assert again.list() == keyring.list()
    assert again.secret("tokens") == keyring.secret("tokens") != keyring.secret("others")
    plaintext = again.decrypt_data_key(again.resolve(ECR_ALIAS), data_key.wrapped, CONTEXT)
    assert plaintext == data_key.plaintext


def test_without_create_a_missing_file_is_an_error(path: Path) -> None:
    with pytest.raises(KeyUnavailable, match="No such file"):
        opened(path)
    assert not path.exists()


def test_references_of_every_kind_name_the_key(keyring: LocalKeyring) -> None:
    key = keyring.create("mine", "alias/team/a")
    references = [key.key_id, "alias/team/a", key.arn, f"{ARN}alias/team/a"]
    assert [keyring.resolve(each) for each in references] == [key.key_id] * 4
    assert keyring.describe(f"{ARN}alias/team/a") == key


def test_each_account_has_its_own_names(keyring: LocalKeyring) -> None:
    mine, theirs = Scope(ACCOUNT, REGION), Scope("999999999999", REGION)
    key = keyring.create("mine", "alias/a")
    assert keyring.resolve("alias/a", mine) == keyring.resolve(key.arn, theirs) == key.key_id
    own = keyring.resolve(DEFAULT_ALIAS)
    for reference, scope in (
        ("alias/a", theirs),
        (key.key_id, theirs),
        ("alias/a", Scope(ACCOUNT, "eu-west-1")),
        (DEFAULT_ALIAS, mine),
        (own, mine),
        (f"{ARN}key/{own}", mine),
    ):
        with pytest.raises(KeyNotFound):
            keyring.resolve(reference, scope)
    ecr = keyring.resolve(ECR_ALIAS, theirs)
    assert ecr == keyring.resolve(ECR_ALIAS, theirs) != keyring.resolve(ECR_ALIAS, mine)
    assert keyring.arn(ecr, mine) == f"arn:aws:kms:{REGION}:999999999999:key/{ecr}"
    assert keyring.arn("gone", theirs) == f"arn:aws:kms:{REGION}:999999999999:key/gone"


def test_what_is_elsewhere_or_malformed_is_not_found(keyring: LocalKeyring) -> None:
    key = keyring.create("mine", "alias/a")
    for reference in [
        "",
        "alias/none",
        key.key_id[:-1],
        key.key_id.upper() + " ",
        f"key/{key.key_id}",
        f"{ARN}{key.key_id}",
        f"{ARN}key/alias/a",
        f"{ARN}alias/none",
        f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/{key.key_id}",
        f"arn:aws:kms:{REGION}:999999999999:key/{key.key_id}",
        f"arn:aws:s3:{REGION}:{ACCOUNT}:key/{key.key_id}",
    ]:
        with pytest.raises(KeyNotFound, match="does not exist"):
            keyring.resolve(reference)
    with pytest.raises(KeyNotFound):
        keyring.check("alias/a")


def test_an_alias_can_be_taken_once_and_moved(keyring: LocalKeyring) -> None:
    one, two = keyring.create("one", "alias/a"), keyring.create("two")
    with pytest.raises(Conflict, match="alias/a"):
        keyring.create("three", "alias/a")
    assert len(keyring.list()) == 4
    assert keyring.set_alias("alias/a", two.arn).aliases == ("alias/a",)
    assert keyring.describe(one.key_id).aliases == ()
    assert keyring.resolve("alias/a") == two.key_id
    with pytest.raises(ParameterInvalid, match="reserved"):
        keyring.set_alias(DEFAULT_ALIAS, two.key_id)
    with pytest.raises(ParameterInvalid, match="reserved"):
        keyring.create("four", "alias/aws/x")


def test_a_data_key_is_fresh_and_bound_to_key_and_context(keyring: LocalKeyring) -> None:
    one, two = (keyring.create(name).key_id for name in "ab")
    data_key, other = (keyring.generate_data_key(one, CONTEXT) for _ in range(2))
    assert len(data_key.plaintext) == 32
    assert data_key.plaintext != other.plaintext
    for _ in range(2):  # the second is answered by the cache
        assert keyring.decrypt_data_key(one, data_key.wrapped, CONTEXT) == data_key.plaintext
        with pytest.raises(Damaged):
            keyring.decrypt_data_key(two, data_key.wrapped, CONTEXT)
        with pytest.raises(Damaged):
            keyring.decrypt_data_key(one, data_key.wrapped, {})


def test_rotation_keeps_what_was_wrapped_readable(keyring: LocalKeyring) -> None:
    key_id = keyring.create("x").key_id
    old = keyring.generate_data_key(key_id, CONTEXT)
    assert keyring.rotate(key_id).versions == 2
    new = keyring.generate_data_key(key_id, CONTEXT)
    assert (old.wrapped[:4], new.wrapped[:4]) == (b"\0\0\0\1", b"\0\0\0\2")
    for each in (old, new):
        assert keyring.decrypt_data_key(key_id, each.wrapped, CONTEXT) == each.plaintext
    assert keyring.rotate(DEFAULT_ALIAS).versions == 2


def test_a_disabled_key_is_refused_to_everything_until_enabled(keyring: LocalKeyring) -> None:
    key_id = keyring.create("x").key_id
    data_key = keyring.generate_data_key(key_id, CONTEXT)
    keyring.decrypt_data_key(key_id, data_key.wrapped, CONTEXT)
    assert keyring.disable(key_id).state is KeyState.DISABLED
    for use in (
        lambda: keyring.check(key_id),
        lambda: keyring.generate_data_key(key_id, CONTEXT),
        lambda: keyring.decrypt_data_key(key_id, data_key.wrapped, CONTEXT),
    ):
        with pytest.raises(KeyUnavailable, match=f"{key_id} is disabled"):
            use()
    assert keyring.enable(key_id).state is KeyState.ENABLED
    assert keyring.decrypt_data_key(key_id, data_key.wrapped, CONTEXT) == data_key.plaintext


def test_a_key_is_destroyed_on_its_date_and_not_before(
    keyring: LocalKeyring, path: Path, clock: Clock
) -> None:
    kept, key = keyring.create("kept"), keyring.create("x", "alias/x")
    data_key = keyring.generate_data_key(key.key_id, CONTEXT)
    material = path.read_bytes().split(b'"material": "')[-1].split(b'"')[0]
    assert len(b64decode(material)) == 32
    pending = keyring.schedule_deletion("alias/x", 7)
    assert pending.deletion_date == clock.now + timedelta(days=7)
    with pytest.raises(KeyUnavailable, match="pending deletion"):
        keyring.check(key.key_id)
    clock.now += timedelta(days=7, seconds=-1)
    assert keyring.purge() == ()
    assert material in path.read_bytes()
    clock.now += timedelta(seconds=1)
    assert keyring.purge() == (key.key_id,)
    assert material not in path.read_bytes()
    for use in (
        lambda: keyring.check(key.key_id),
        lambda: keyring.resolve("alias/x"),
        lambda: keyring.cancel_deletion(key.key_id),
        lambda: keyring.decrypt_data_key(key.key_id, data_key.wrapped, CONTEXT),
    ):
        with pytest.raises(KeyNotFound):
            use()
    keyring.check(kept.key_id)


def test_a_deletion_can_be_cancelled(keyring: LocalKeyring, clock: Clock) -> None:
    key_id = keyring.create("x").key_id
    assert keyring.schedule_deletion(key_id).deletion_date == clock.now + timedelta(days=30)
    cancelled = keyring.cancel_deletion(key_id)
    assert (cancelled.state, cancelled.deletion_date) == (KeyState.DISABLED, None)
    clock.now += timedelta(days=99)
    assert keyring.purge() == ()


def test_the_registrys_own_keys_cannot_be_taken_away(keyring: LocalKeyring) -> None:
    for alias in (DEFAULT_ALIAS, ECR_ALIAS):
        with pytest.raises(ParameterInvalid, match="cannot be disabled"):
            keyring.disable(alias)
        with pytest.raises(ParameterInvalid, match="cannot be deleted"):
            keyring.schedule_deletion(alias)
        keyring.check(keyring.resolve(alias))


def run(path: Path, code: str) -> subprocess.Popen[bytes]:
    program = (
        "import sys; from pathlib import Path; from registry.keys.local import LocalKeyring\n"
        f"ring = LocalKeyring(Path(sys.argv[1]), {ACCOUNT!r}, {REGION!r})\n{code}"
    )
    return subprocess.Popen([sys.executable, "-c", program, os.fspath(path)])


def test_another_process_is_obeyed_at_once(keyring: LocalKeyring, path: Path) -> None:
    key_id = keyring.create("x").key_id
    data_key = keyring.generate_data_key(key_id, CONTEXT)
    keyring.decrypt_data_key(key_id, data_key.wrapped, CONTEXT)
    assert run(path, f"ring.disable({key_id!r})").wait() == 0
    with pytest.raises(KeyUnavailable):
        keyring.decrypt_data_key(key_id, data_key.wrapped, CONTEXT)
    assert run(path, f"ring.enable({key_id!r})").wait() == 0
    keyring.check(key_id)


def test_no_processs_change_is_lost(path: Path) -> None:
    """They also race to make the file."""
    creates = "for n in range(20): ring.create(sys.argv[1] + str(n))"
    processes = [run(path, creates) for _ in range(8)]
    assert [process.wait() for process in processes] == [0] * 8
    keys = opened(path).list()
    assert len(keys) == 2 + 8 * 20
    assert len({key.key_id for key in keys}) == len(keys)


def test_threads_see_changes_and_lose_none(keyring: LocalKeyring) -> None:
    key_id = keyring.resolve(DEFAULT_ALIAS)
    failures: list[BaseException] = []

    def use() -> None:
        try:
            for n in range(10):
                made = keyring.create(str(n)).key_id
                data_key = keyring.generate_data_key(made, CONTEXT)
                assert (
                    keyring.decrypt_data_key(made, data_key.wrapped, CONTEXT) == data_key.plaintext
                )
                keyring.check(key_id)
        except BaseException as error:  # noqa: BLE001 - shown by the test
            failures.append(error)

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(keyring.list()) == 62


def test_a_file_spoilt_while_in_use_is_refused(keyring: LocalKeyring, path: Path) -> None:
    key_id = keyring.resolve(DEFAULT_ALIAS)
    path.chmod(0o644)
    with pytest.raises(KeyUnavailable, match="0600"):
        keyring.check(key_id)
    path.chmod(0o600)
    keyring.check(key_id)
    path.write_text("{}")
    with pytest.raises(KeyUnavailable, match="damaged"):
        keyring.check(key_id)
    path.unlink()
    with pytest.raises(KeyUnavailable, match="No such file"):
        keyring.check(key_id)


def test_no_secret_is_shown_or_logged(
    keyring: LocalKeyring, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        key = keyring.create("x")
        data_key = keyring.generate_data_key(key.key_id, CONTEXT)
        shown = [repr(keyring), repr(keyring.list()), repr(data_key)]
        for use in (
            lambda: keyring.decrypt_data_key(key.key_id, bytes(64), CONTEXT),
            lambda: keyring.decrypt_data_key(key.key_id, data_key.wrapped, {}),
            lambda: keyring.cancel_deletion(key.key_id),
            lambda: keyring.create("x", "alias/aws/y"),
        ):
            with pytest.raises(MoorageError) as caught:
                use()
            shown += [repr(caught.value), repr(caught.value.__context__)]
    text = "".join(shown) + caplog.text
    ring = decode(path.read_bytes())
    assert ring is not None
    secrets = [ring.root_secret, data_key.plaintext]
    secrets += [version.material for key in ring.keys for version in key.versions]
    assert len(secrets) == 5
    for secret in secrets:
        assert repr(secret)[2:-1] not in text
        assert secret.hex() not in text
