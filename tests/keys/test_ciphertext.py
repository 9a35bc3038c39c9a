from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.keys import ciphertext
from registry.keys.making import new_key
from registry.keys.wrapping import wrap
from registry.values.errors import Damaged
from registry.values.scope import Scope

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = new_key(NOW, Scope("123456789012", "us-east-1"))
CONTEXT = {"a": "b"}
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
contexts = st.dictionaries(texts, texts, max_size=4)


@given(plaintext=st.binary(max_size=4096), context=contexts)
def test_what_is_encrypted_is_decrypted(plaintext: bytes, context: dict[str, str]) -> None:
    blob = ciphertext.encrypt(KEY, plaintext, context)
    assert ciphertext.key_of(blob) == KEY.key_id
    opened = ciphertext.decrypt(KEY.rotated(bytes(32), NOW), blob, context)
    assert opened == (plaintext, 1)
    assert len(blob) == len(plaintext) + 69


@given(one=contexts, other=contexts)
def test_another_context_does_not_open_it(one: dict[str, str], other: dict[str, str]) -> None:
    blob = ciphertext.encrypt(KEY, b"x", one)
    if one == other:
        assert ciphertext.decrypt(KEY, blob, other).plaintext == b"x"
    else:
        with pytest.raises(Damaged):
            ciphertext.decrypt(KEY, blob, other)


@given(st.data())
def test_a_changed_or_shortened_blob_does_not_open(data: st.DataObject) -> None:
    blob = bytearray(ciphertext.encrypt(KEY, b"some text", CONTEXT))
    place = data.draw(st.integers(0, len(blob) - 1))
    changed = bytes(blob[:place])
    if data.draw(st.booleans()):
        flipped = blob[place] ^ data.draw(st.integers(1, 255))
        changed += bytes([flipped]) + bytes(blob[place + 1 :])
    with pytest.raises(Damaged):
        ciphertext.decrypt(KEY, changed, CONTEXT)


def test_another_key_with_the_same_material_does_not_open_it() -> None:
    other = replace(KEY, key_id="00000000-0000-4000-8000-000000000000")
    with pytest.raises(Damaged, match="not under any version"):
        ciphertext.decrypt(other, ciphertext.encrypt(KEY, b"x", {}), {})


def test_a_wrapped_data_key_is_none_of_them() -> None:
    assert ciphertext.key_of(wrap(KEY, bytes(32), {})) is None
    assert ciphertext.key_of(b"") is None


def test_no_two_blobs_are_alike() -> None:
    assert len({ciphertext.encrypt(KEY, b"x", {}) for _ in range(100)}) == 100
