"""The AWS CLI, as somebody uses it who makes a key, uses it and ends it."""

from __future__ import annotations

import json
import sys
import uuid
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from tests.clients.programs import Program
from tests.server_process import ServerProcess

pytestmark = pytest.mark.clients


def test_a_key_from_its_making_to_its_end(server: ServerProcess, tmp_path: Path) -> None:
    program = Program(Path(sys.executable).with_name("aws"), server.aws_environment())

    def kms(operation: str, *options: str) -> Any:
        text = program("kms", operation, "--output", "json", *options)
        return json.loads(text) if text.strip() else None

    alias, name = f"alias/cli/{uuid.uuid4().hex}", f"team/{uuid.uuid4().hex}"
    made = kms("create-key", "--description", "cli", "--tags", "TagKey=a,TagValue=b")
    key = ("--key-id", made["KeyMetadata"]["KeyId"])
    kms("create-alias", "--alias-name", alias, "--target-key-id", key[1])
    kms("enable-key-rotation", *key, "--rotation-period-in-days", "180")

    # What Terraform's aws_kms_key reads, with the members that it needs.
    assert kms("describe-key", "--key-id", alias)["KeyMetadata"]["Enabled"] is True
    assert json.loads(kms("get-key-policy", *key, "--policy-name", "default")["Policy"])
    status = kms("get-key-rotation-status", *key)
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 180)
    assert kms("list-resource-tags", *key)["Tags"] == [{"TagKey": "a", "TagValue": "b"}]

    plain, sealed = tmp_path / "plain", tmp_path / "sealed"
    plain.write_bytes(b"hello")
    context = ("--encryption-context", "team=pay")
    blob = kms("encrypt", "--key-id", alias, "--plaintext", f"fileb://{plain}", *context)
    sealed.write_bytes(b64decode(blob["CiphertextBlob"]))
    opened = kms("decrypt", "--ciphertext-blob", f"fileb://{sealed}", *context)
    assert opened["Plaintext"] == "aGVsbG8="

    encryption = f"encryptionType=KMS,kmsKey={alias}"
    program(
        *("ecr", "create-repository", "--repository-name", name),
        *("--encryption-configuration", encryption),
    )
    assert len(kms("list-grants", *key)["Grants"]) == 1
    program("ecr", "delete-repository", "--repository-name", name)
    assert kms("list-grants", *key)["Grants"] == []
    kms("delete-alias", "--alias-name", alias)
    ended = kms("schedule-key-deletion", *key, "--pending-window-in-days", "7")
    assert ended["KeyState"] == "PendingDeletion"
