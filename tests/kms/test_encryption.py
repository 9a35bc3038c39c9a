"""Encrypt, Decrypt, ReEncrypt, data keys, random bytes."""

from __future__ import annotations

import logging
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from tests.application import ACCOUNT, REGION, Registry, allow
from tests.ecr.calls import refusal
from tests.identities import OTHER, aws
from tests.kms.calls import refused

ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:"
CONTEXT = {"purpose": "test", "ß": "ü"}


def test_what_is_encrypted_is_decrypted_with_its_context_alone(kms: Any, key_id: str) -> None:
    made = kms.encrypt(KeyId=key_id, Plaintext=b"secret", EncryptionContext=CONTEXT)
    assert (made["KeyId"], made["EncryptionAlgorithm"]) == (
        f"{ARN}key/{key_id}",
        "SYMMETRIC_DEFAULT",
    )
    blob = made["CiphertextBlob"]
    assert b"secret" not in blob
    found = kms.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT)
    assert found["Plaintext"] == b"secret"
    assert found["KeyId"] == f"{ARN}key/{key_id}"
    current = kms.describe_key(KeyId=key_id)["KeyMetadata"]["CurrentKeyMaterialId"]
    assert found["KeyMaterialId"] == current
    for context in ({}, {"purpose": "Test", "ß": "ü"}, {**CONTEXT, "more": "x"}):
        code, _ = refused(kms.decrypt, CiphertextBlob=blob, EncryptionContext=context)
        assert code == "InvalidCiphertextException"


def test_the_largest_plaintext_fits(kms: Any, key_id: str) -> None:
    text = bytes(4096)
    blob = kms.encrypt(KeyId=key_id, Plaintext=text)["CiphertextBlob"]
    assert len(blob) <= 6144
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == text
    code, message = refusal(lambda: kms.encrypt(KeyId=key_id, Plaintext=bytes(4097)))
    assert code == "ValidationException"
    assert "at 'plaintext' failed to satisfy constraint" in message
    assert "AAAA" not in message


def test_another_key_than_the_ciphertexts_is_refused(kms: Any, key_id: str) -> None:
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    assert kms.decrypt(CiphertextBlob=blob, KeyId=key_id)["Plaintext"] == b"x"
    assert refusal(lambda: kms.decrypt(CiphertextBlob=blob, KeyId=other))[0] == (
        "IncorrectKeyException"
    )
    for wrong in (b"x", b"", blob[:-1], blob[:30], blob[:-1] + bytes([blob[-1] ^ 1])):
        code = refused(kms.decrypt, CiphertextBlob=wrong)[0]
        assert code in {"InvalidCiphertextException", "ValidationException"}
    gone = blob[:5] + bytes(16) + blob[21:]
    code, message = refusal(lambda: kms.decrypt(CiphertextBlob=gone))
    assert code == "AccessDeniedException"
    assert message.startswith("The ciphertext refers to a customer master key that does not exist")


def test_rotation_keeps_what_was_encrypted_readable(kms: Any, key_id: str) -> None:
    old = kms.encrypt(KeyId=key_id, Plaintext=b"old")["CiphertextBlob"]
    kms.rotate_key_on_demand(KeyId=key_id)
    new = kms.encrypt(KeyId=key_id, Plaintext=b"new")["CiphertextBlob"]
    first, second = (kms.decrypt(CiphertextBlob=blob) for blob in (old, new))
    assert (first["Plaintext"], second["Plaintext"]) == (b"old", b"new")
    assert first["KeyMaterialId"] != second["KeyMaterialId"]


def test_a_disabled_key_does_nothing(kms: Any, key_id: str) -> None:
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    kms.disable_key(KeyId=key_id)
    for call in (
        lambda: kms.encrypt(KeyId=key_id, Plaintext=b"x"),
        lambda: kms.decrypt(CiphertextBlob=blob),
        lambda: kms.decrypt(CiphertextBlob=blob, KeyId=key_id),
        lambda: kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=key_id),
        lambda: kms.generate_data_key(KeyId=key_id, KeySpec="AES_256"),
        lambda: kms.generate_data_key_without_plaintext(KeyId=key_id, KeySpec="AES_256"),
        lambda: kms.rotate_key_on_demand(KeyId=key_id),
    ):
        assert refusal(call) == ("DisabledException", f"{ARN}key/{key_id} is disabled.")


def test_re_encryption_moves_key_and_context(kms: Any, key_id: str) -> None:
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x", EncryptionContext=CONTEXT)["CiphertextBlob"]
    target = kms.create_key()["KeyMetadata"]["Arn"]
    moved = kms.re_encrypt(
        CiphertextBlob=blob,
        SourceEncryptionContext=CONTEXT,
        DestinationKeyId=target,
        DestinationEncryptionContext={"now": "here"},
    )
    assert (moved["SourceKeyId"], moved["KeyId"]) == (f"{ARN}key/{key_id}", target)
    found = kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"now": "here"})
    assert (found["Plaintext"], found["KeyId"]) == (b"x", target)
    assert found["KeyMaterialId"] == moved["DestinationKeyMaterialId"]
    code, _ = refusal(lambda: kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=target))
    assert code == "InvalidCiphertextException"


@pytest.mark.parametrize("missing", ["kms:ReEncryptFrom", "kms:ReEncryptTo"])
def test_re_encryption_needs_a_right_to_both_keys(
    registry: Registry, kms: Any, key_id: str, missing: str
) -> None:
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    target = kms.create_key()["KeyMetadata"]["KeyId"]
    user = registry.user("ada", allow("kms:*"), allow(missing, effect="Deny"))
    mine = aws(registry, "kms", user)
    code, message = refusal(lambda: mine.re_encrypt(CiphertextBlob=blob, DestinationKeyId=target))
    assert (code, missing in message) == ("AccessDeniedException", True)


def test_data_keys_have_their_size_and_open_again(kms: Any, key_id: str) -> None:
    for asked, size in (
        ({"KeySpec": "AES_128"}, 16),
        ({"KeySpec": "AES_256"}, 32),
        ({"NumberOfBytes": 1024}, 1024),
    ):
        made = kms.generate_data_key(KeyId=key_id, EncryptionContext=CONTEXT, **asked)
        assert len(made["Plaintext"]) == size
        opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT)
        assert opened["Plaintext"] == made["Plaintext"]
    alone = kms.generate_data_key_without_plaintext(KeyId=key_id, KeySpec="AES_256")
    assert "Plaintext" not in alone
    assert len(kms.decrypt(CiphertextBlob=alone["CiphertextBlob"])["Plaintext"]) == 32
    for wrong in ({}, {"KeySpec": "AES_256", "NumberOfBytes": 5}):
        code, message = refused(kms.generate_data_key, KeyId=key_id, **wrong)
        assert code == "ValidationException"
        assert message == "Please specify either number of bytes or key spec."


def test_random_bytes_are_random(kms: Any) -> None:
    one, two = (kms.generate_random(NumberOfBytes=32)["Plaintext"] for _ in range(2))
    assert len(one) == len(two) == 32
    assert one != two
    assert refusal(kms.generate_random)[0] == "ValidationException"
    code, _ = refused(kms.generate_random, NumberOfBytes=1, CustomKeyStoreId="x")
    assert code == "UnsupportedOperationException"


def test_a_dry_run_does_nothing_but_decide(registry: Registry, kms: Any, key_id: str) -> None:
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    for call in (
        lambda: kms.encrypt(KeyId=key_id, Plaintext=b"x", DryRun=True),
        lambda: kms.decrypt(CiphertextBlob=blob, DryRun=True),
        lambda: kms.decrypt(KeyId=key_id, DryRun=True, DryRunModifiers=["IGNORE_CIPHERTEXT"]),
        lambda: kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=key_id, DryRun=True),
        lambda: kms.generate_data_key(KeyId=key_id, KeySpec="AES_128", DryRun=True),
    ):
        assert refusal(call)[0] == "DryRunOperationException"
    stranger = aws(registry, "kms", registry.user("stranger"))
    code, _ = refusal(lambda: stranger.encrypt(KeyId=key_id, Plaintext=b"x", DryRun=True))
    assert code == "AccessDeniedException"


def test_what_a_symmetric_key_cannot_is_refused(kms: Any, key_id: str) -> None:
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    rsa = "RSAES_OAEP_SHA_256"
    for call in (
        lambda: kms.encrypt(KeyId=key_id, Plaintext=b"x", EncryptionAlgorithm=rsa),
        lambda: kms.decrypt(CiphertextBlob=blob, EncryptionAlgorithm=rsa),
    ):
        assert refusal(call)[0] == "InvalidKeyUsageException"
    recipient = {"KeyEncryptionAlgorithm": rsa, "AttestationDocument": b"x"}
    for call in (
        lambda: kms.decrypt(CiphertextBlob=blob, Recipient=recipient),
        lambda: kms.generate_data_key(KeyId=key_id, KeySpec="AES_128", Recipient=recipient),
    ):
        assert refusal(call)[0] == "UnsupportedOperationException"


def test_a_wrapped_data_key_of_the_storage_is_no_ciphertext(
    registry: Registry, kms: Any, key_id: str
) -> None:
    wrapped = registry.ground.keys.generate_data_key(key_id, {}).wrapped
    assert refusal(lambda: kms.decrypt(CiphertextBlob=wrapped, KeyId=key_id))[0] == (
        "InvalidCiphertextException"
    )


def test_no_plaintext_stands_in_a_log(
    open_one: Any, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    registry = open_one()
    kms = aws(registry, "kms")
    secret = b"what nobody may read in a log"
    with caplog.at_level(logging.DEBUG, logger="moorage"):
        key_id = kms.create_key()["KeyMetadata"]["KeyId"]
        blob = kms.encrypt(KeyId=key_id, Plaintext=secret)["CiphertextBlob"]
        kms.decrypt(CiphertextBlob=blob)
        refusal(lambda: kms.encrypt(KeyId="none", Plaintext=secret))
        data_key = kms.generate_data_key(KeyId=key_id, KeySpec="AES_256")["Plaintext"]
    audit = registry.ground.audit
    assert audit is not None
    audit.close()
    events = b"".join(path.read_bytes() for path in registry.settings.audit_path.glob("*"))
    text = caplog.text.encode() + events
    material = registry.ground.keys.ring().key(key_id).versions[0].material
    for each in (secret, data_key, material):
        assert each not in text
        assert b64encode(each) not in text
        assert each.hex().encode() not in text


def test_a_ciphertext_of_another_account_opens_where_its_key_lets(
    registry: Registry, kms: Any, key_id: str
) -> None:
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    theirs = aws(registry, "kms", registry.user("eve", allow("*"), account=OTHER))
    assert refusal(lambda: theirs.decrypt(CiphertextBlob=blob))[0] == "AccessDeniedException"
    kms.create_grant(
        KeyId=key_id, GranteePrincipal=f"arn:aws:iam::{OTHER}:user/eve", Operations=["Decrypt"]
    )
    assert theirs.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
