from __future__ import annotations

import base64
import os
import textwrap
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.keys.local import LocalKeyring
from registry.keys.ringjson import decode
from registry.storage.encryption import EncryptedDriver
from registry.storage.filesystem import FilesystemDriver
from registry.storage.sealing import Sealer
from registry.values.errors import Damaged, KeyUnavailable
from tests.storage.oracle import decrypted

GOLDEN = Path(__file__).parent / "golden"
GOLDEN_KEY = "6f1d3c52-8f5e-4a53-9b43-0c9f0f6f3a11"
NAME = "sha256:" + "ab" * 32
within_one_ring = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def keyring(tmp_path: Path) -> LocalKeyring:
    return LocalKeyring(tmp_path / "keyring.json", "123456789012", "us-east-1")


@pytest.fixture
def key_id(keyring: LocalKeyring) -> str:
    return keyring.create().key_id


@within_one_ring
@given(st.binary(max_size=5000), st.text(st.characters(max_codepoint=127), min_size=1))
def test_what_is_sealed_opens_under_its_name(
    keyring: LocalKeyring, key_id: str, content: bytes, name: str
) -> None:
    sealer = Sealer(keyring, key_id)
    sealed = sealer.seal(content, name)
    assert sealer.open_sealed(sealed, name) == content
    with pytest.raises(Damaged):
        sealer.open_sealed(sealed, name + "x")


@pytest.mark.parametrize("size", [0, 1, 262143, 262144, 1 << 20, 4 << 20])
def test_values_of_any_size_have_the_form_of_objects(
    keyring: LocalKeyring, key_id: str, tmp_path: Path, size: int
) -> None:
    content = os.urandom(size)
    sealed = Sealer(keyring, key_id).seal(content, NAME)
    ring = decode((tmp_path / "keyring.json").read_bytes())
    assert ring is not None
    materials = {each.number: each.material for each in ring.key(key_id).versions}
    assert decrypted(sealed, materials, "value") == (NAME, content)


@within_one_ring
@given(st.data())
def test_any_damage_is_found(keyring: LocalKeyring, key_id: str, data: st.DataObject) -> None:
    """Of any byte of the header, too, and whatever it makes of it."""
    sealer = Sealer(keyring, key_id)
    sealed = sealer.seal(b"a manifest", NAME)
    at = data.draw(st.integers(0, len(sealed) - 1), "at")
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != sealed[at]), "byte")
    for damaged in (
        sealed[:at] + bytes([byte]) + sealed[at + 1 :],
        sealed[:at],
        sealed[:at] + sealed[at + 1 :],
        sealed + bytes([byte]),
    ):
        with pytest.raises(Damaged):
            sealer.open_sealed(damaged, NAME)


@pytest.mark.parametrize("name", ["", "ü", "x" * 901])
def test_a_name_that_cannot_be_written_is_a_value_error(
    keyring: LocalKeyring, key_id: str, name: str
) -> None:
    with pytest.raises(ValueError, match=r"name|ascii"):
        Sealer(keyring, key_id).seal(b"x", name)


def test_a_disabled_key_opens_nothing(keyring: LocalKeyring, key_id: str) -> None:
    sealer = Sealer(keyring, key_id)
    sealed = sealer.seal(b"x", NAME)
    keyring.disable(key_id)
    with pytest.raises(KeyUnavailable):
        sealer.open_sealed(sealed, NAME)


def test_neither_another_key_nor_an_object_will_do(
    keyring: LocalKeyring, key_id: str, tmp_path: Path
) -> None:
    sealer = Sealer(keyring, key_id)
    with pytest.raises(Damaged, match="under another key"):
        Sealer(keyring, keyring.create().key_id).open_sealed(sealer.seal(b"x", NAME), NAME)
    files = FilesystemDriver(tmp_path / "data")
    EncryptedDriver(files, keyring, key_id).put("a/object", [b"x"])
    with pytest.raises(Damaged):
        sealer.open_sealed(b"".join(files.get("a/object")), "object")


def golden_keyring(tmp_path: Path) -> LocalKeyring:
    copy = tmp_path / "golden.json"
    copy.write_bytes((GOLDEN / "keyring.json").read_bytes())
    copy.chmod(0o600)
    return LocalKeyring(copy, "123456789012", "us-east-1", create=False)


def test_what_the_first_release_stored_is_still_read(tmp_path: Path) -> None:
    """The fixtures must never change; a new format gets fixtures of its own."""
    keyring = golden_keyring(tmp_path)
    value = base64.b64decode((GOLDEN / "value.base64").read_bytes())
    assert Sealer(keyring, GOLDEN_KEY).open_sealed(value, NAME) == b'{"schemaVersion": 2}'
    files = FilesystemDriver(tmp_path / "data")
    files.put("a/object", [base64.b64decode((GOLDEN / "object.base64").read_bytes())])
    driver = EncryptedDriver(files, keyring, GOLDEN_KEY)
    assert b"".join(driver.get("a/object")) == b"moored " * 30
    assert b"".join(driver.get("a/object", 70, 7)) == b"moored "
    assert keyring.secret("golden").hex() == (GOLDEN / "secret.hex").read_text().strip()


def write_golden() -> None:
    """How the fixtures were made: `python -m tests.storage.test_sealing` beside a keyring."""
    GOLDEN.mkdir()
    path = GOLDEN / "keyring.json"
    keyring = LocalKeyring(path, "123456789012", "us-east-1")
    made = keyring.create("golden", "alias/golden").key_id
    path.write_text(path.read_text().replace(made, GOLDEN_KEY))
    files = FilesystemDriver(GOLDEN / "data")
    driver = EncryptedDriver(files, keyring, GOLDEN_KEY, frame_size=64)
    driver.put("a/object", [b"moored " * 30])
    keyring.rotate(GOLDEN_KEY)
    write_base64("object", b"".join(files.get("a/object")))
    write_base64("value", Sealer(keyring, GOLDEN_KEY).seal(b'{"schemaVersion": 2}', NAME))
    (GOLDEN / "secret.hex").write_text(keyring.secret("golden").hex() + "\n")


def write_base64(name: str, stored: bytes) -> None:
    text = textwrap.fill(base64.b64encode(stored).decode(), 76)
    (GOLDEN / f"{name}.base64").write_text(text + "\n")


if __name__ == "__main__":
    write_golden()
