from __future__ import annotations

import hmac
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from registry.keys.ring import KeyVersion, MasterKey
from registry.keys.wrapping import WRAPPED_SIZE, derived_secret, unwrap, wrap
from registry.values.errors import Damaged

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = MasterKey("id", "", NOW, (KeyVersion(1, b"1" * 32, NOW), KeyVersion(2, b"2" * 32, NOW)))
PLAIN = bytes(range(32))
CONTEXT = {"purpose": "object", "name": "abc"}
texts = st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=3)


@given(texts)
def test_a_wrapped_key_opens_in_its_context_in_any_order(context: dict[str, str]) -> None:
    wrapped = wrap(KEY, PLAIN, context)
    assert len(wrapped) == WRAPPED_SIZE
    assert unwrap(KEY, wrapped, dict(reversed(context.items()))) == PLAIN


@given(texts, texts)
def test_it_opens_in_no_other_context(one: dict[str, str], other: dict[str, str]) -> None:
    wrapped = wrap(KEY, PLAIN, one)
    if one != other:
        with pytest.raises(Damaged):
            unwrap(KEY, wrapped, other)


@given(st.integers(0, WRAPPED_SIZE * 8 - 1))
def test_no_bit_of_it_can_be_changed(bit: int) -> None:
    wrapped = bytearray(wrap(KEY, PLAIN, CONTEXT))
    wrapped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Damaged):
        unwrap(KEY, bytes(wrapped), CONTEXT)


def test_its_length_counts() -> None:
    wrapped = wrap(KEY, PLAIN, CONTEXT)
    for other in (b"", wrapped[:4], wrapped[:-1], wrapped + b"x"):
        with pytest.raises(Damaged):
            unwrap(KEY, other, CONTEXT)


def test_another_key_with_the_same_material_does_not_open_it() -> None:
    other = MasterKey("other", "", NOW, KEY.versions)
    with pytest.raises(Damaged, match="under key other"):
        unwrap(other, wrap(KEY, PLAIN, CONTEXT), CONTEXT)


def test_the_form_is_the_documented_one() -> None:
    wrapped = wrap(KEY, PLAIN, CONTEXT)
    bound = b"\0\0\0\2id\0\0\0\4name\0\0\0\3abc\0\0\0\7purpose\0\0\0\6object"
    assert wrapped[:4] == b"\0\0\0\2"
    assert AESGCM(b"2" * 32).decrypt(wrapped[4:16], wrapped[16:], bound) == PLAIN


def test_derived_secrets_are_the_roots_and_the_names() -> None:
    one = derived_secret(b"r" * 32, "tokens")
    assert len(one) == 32
    assert one == derived_secret(b"r" * 32, "tokens")
    assert one != derived_secret(b"r" * 32, "access keys")
    assert one != derived_secret(b"s" * 32, "tokens")
    # HKDF-SHA256 by hand (RFC 5869): the values on disk depend on it.
    extracted = hmac.digest(b"\0" * 32, b"r" * 32, "sha256")
    assert one == hmac.digest(extracted, b"moorage secret 1 tokens\x01", "sha256")
