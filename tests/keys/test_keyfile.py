from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from registry.keys.keyfile import KeyFile
from registry.keys.ring import Ring
from registry.values.errors import KeyNotFound, KeyUnavailable

SECRET = b"0123456789abcdef0123456789abcdef"
RING = Ring(SECRET, ())


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    file = KeyFile(tmp_path / "keyring.json")
    file.create(lambda: RING)
    return file


def reordered(ring: Ring) -> Ring:
    return replace(ring, root_secret=ring.root_secret[::-1])


def test_it_is_created_once_and_for_its_owner_alone(file: KeyFile) -> None:
    before = os.umask(0)
    try:
        file.create(lambda: reordered(RING))
        assert file.read()[1] == RING
        file.change(reordered)
    finally:
        os.umask(before)
    assert file.read()[1] == reordered(RING)
    assert {path.name: path.stat().st_mode & 0o777 for path in file.path.parent.iterdir()} == {
        "keyring.json": 0o600,
        "keyring.json.lock": 0o600,
    }


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610])
def test_one_open_to_others_is_refused(file: KeyFile, mode: int) -> None:
    signature = file.signature()
    file.path.chmod(mode)
    assert file.signature() != signature
    with pytest.raises(KeyUnavailable, match=rf"keyring\.json is open .*mode {mode:04o}"):
        file.read()


def test_every_change_has_a_signature_of_its_own(file: KeyFile) -> None:
    signatures = [file.signature()]
    for _ in range(50):
        file.change(reordered)
        signatures.append(file.signature())
    modified = [each.modified for each in signatures]
    assert modified == sorted(set(modified))
    assert file.read()[0] == signatures[-1]


def test_a_clock_that_stands_or_goes_back_does_not_hide_a_change(file: KeyFile) -> None:
    ahead = time.time_ns() + 10**15
    os.utime(file.path, ns=(ahead, ahead))
    assert file.signature().modified == ahead
    file.change(reordered)
    assert file.signature().modified == ahead + 1


def test_a_change_that_is_none_writes_nothing(file: KeyFile) -> None:
    signature = file.signature()
    assert file.change(lambda ring: ring) == RING
    assert file.signature() == signature


def test_a_change_that_fails_leaves_everything(file: KeyFile) -> None:
    def refuse(ring: Ring) -> Ring:
        raise KeyNotFound(f"not among {len(ring.keys)}")

    with pytest.raises(KeyNotFound, match="not among 0"):
        file.change(refuse)
    assert file.read()[1] == RING
    file.change(reordered)


def test_a_missing_file_is_not_made_by_reading_or_changing(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "none" / "keyring.json")
    for use in (file.signature, file.read, lambda: file.change(reordered)):
        with pytest.raises(KeyUnavailable, match=r"keyring\.json cannot be .*: No such file"):
            use()
    assert not file.path.parent.exists()


def test_a_write_that_fails_is_typed_and_changes_nothing(file: KeyFile) -> None:
    file.path.with_name("keyring.json.new").mkdir()
    with pytest.raises(KeyUnavailable, match="cannot be written"):
        file.change(reordered)
    assert file.read()[1] == RING


def test_a_damaged_file_tells_no_secret(file: KeyFile) -> None:
    text = file.path.read_bytes()
    file.path.write_bytes(text[:-3])
    with pytest.raises(KeyUnavailable, match="damaged") as caught:
        file.read()
    error: BaseException | None = caught.value
    while error is not None:
        assert b"root_secret" not in repr(vars(error)).encode()
        assert "root_secret" not in f"{error!r} {error.args}"
        error = error.__context__


CHANGER = """
import sys
from dataclasses import replace
from pathlib import Path
from registry.keys.keyfile import KeyFile
file = KeyFile(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    file.change(lambda ring: replace(ring, root_secret=ring.root_secret[::-1]))
"""


def test_a_killed_writer_leaves_a_whole_file_and_no_lock(file: KeyFile) -> None:
    chance = random.Random(7)  # noqa: S311 - picks moments, not secrets
    for _ in range(15):
        process = subprocess.Popen(
            [sys.executable, "-c", CHANGER, os.fspath(file.path)], stdout=subprocess.PIPE
        )
        with process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(chance.uniform(0, 0.02))
            process.send_signal(signal.SIGKILL)
        assert file.read()[1] in (RING, reordered(RING))
    file.change(reordered)
    assert not file.path.with_name("keyring.json.new").exists()
