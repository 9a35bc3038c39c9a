"""The keyring file sealed by AWS KMS: nothing in clear on the disk, nothing lost on the way."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest

from registry.keys.aws import AwsKeys, keys_of_aws
from registry.keys.filesealing import AwsFileSealing, sealed_by
from registry.keys.local import LocalKeyring
from registry.values.errors import KeyUnavailable
from tests.keys.awskms import REGION, Told, aws, credentials, key_arn, kms, kms_url

__all__ = ["aws", "credentials", "key_arn", "kms", "kms_url"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keyring.json"


def keyring(path: Path, aws: AwsKeys | None, **more: Any) -> LocalKeyring:
    sealing = None if aws is None else AwsFileSealing(aws)
    return LocalKeyring(path, "123456789012", REGION, sealing=sealing, **more)


def secrets_in(text: bytes) -> list[str]:
    """What a keyring in clear must keep to itself."""
    document = json.loads(text)
    found = [document["root_secret"]]
    return found + [v["material"] for key in document["keys"] for v in key["versions"]]


def test_nothing_is_in_clear_and_everything_is_there(
    path: Path, aws: AwsKeys, kms_url: str, credentials: None, key_arn: str
) -> None:
    made = keyring(path, aws)
    key_id = made.create("ours", "alias/ours").key_id
    assert sealed_by(path.read_bytes()) == key_arn
    assert b"alias" not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    other = keyring(path, keys_of_aws(key_arn, REGION, kms_url), create=False)
    assert other.resolve("alias/ours") == key_id
    assert other.secret("x") == made.secret("x")
    other.rotate(key_id)
    assert made.describe(key_id).versions == 2


def test_a_file_in_clear_is_sealed_with_all_it_has(path: Path, aws: AwsKeys, key_arn: str) -> None:
    plain = keyring(path, None)
    secret, before = plain.secret("x"), path.read_bytes()
    sealed = keyring(path, aws, create=False)
    assert sealed.secret("x") == secret
    sealed.protect()
    text = path.read_text()
    assert sealed_by(text.encode()) == key_arn
    assert not [each for each in secrets_in(before) if each in text]
    assert sealed.secret("x") == secret
    inode = path.stat().st_ino
    sealed.protect()
    assert path.stat().st_ino == inode


def test_without_kms_settings_it_says_what_it_is(path: Path, aws: AwsKeys, key_arn: str) -> None:
    keyring(path, aws)
    with pytest.raises(KeyUnavailable, match=f"sealed under {key_arn}: start with key_provider"):
        keyring(path, None)


def test_in_clear_nothing_is_sealed_without_a_provider(path: Path) -> None:
    plain = keyring(path, None)
    before = path.read_bytes()
    plain.protect()
    assert path.read_bytes() == before


@pytest.mark.parametrize("part", ["wrapped", "nonce", "sealed", "key"])
def test_any_change_is_found(path: Path, aws: AwsKeys, kms: Any, part: str) -> None:
    keyring(path, aws)
    document = json.loads(path.read_bytes())
    if part == "key":
        document["key"] = kms.create_key()["KeyMetadata"]["Arn"]
    else:
        raw = bytearray(b64decode(document[part]))
        raw[-1] ^= 1
        document[part] = b64encode(raw).decode()
    path.write_text(json.dumps(document))
    with pytest.raises(KeyUnavailable):
        keyring(path, aws, create=False)


@pytest.mark.parametrize("text", ['{"key": "a"}', '{"format": "moorage-sealed-keyring", "key": 1}'])
def test_what_is_malformed_is_refused(path: Path, aws: AwsKeys, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KeyUnavailable, match=r"keyring\.json"):
        keyring(path, aws, create=False)


def test_kms_is_asked_once_for_each_state_of_the_file(path: Path, kms: Any, key_arn: str) -> None:
    told: Any = Told(kms)
    aws = AwsKeys(key_arn, REGION, lambda _region: told)
    made = keyring(path, aws)
    asked = told.calls.count("decrypt")
    for _ in range(20):
        made.secret("x")
        made.list()
    assert told.calls.count("decrypt") == asked == 1


def test_where_kms_is_silent_nothing_changes(path: Path, kms: Any, key_arn: str) -> None:
    told: Any = Told(kms)
    made = keyring(path, AwsKeys(key_arn, REGION, lambda _region: told))
    before = path.read_bytes()
    told.fail("ThrottlingException")
    with pytest.raises(KeyUnavailable):
        made.create("another")
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir() if entry.name.endswith(".new")] == []
    assert len(made.list()) == 2
