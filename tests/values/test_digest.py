from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry.values.digest import HEX_LENGTH, Digest, hasher, shown
from registry.values.errors import DigestInvalid

# image-spec descriptor.md: the grammar, and what the registered algorithms add to it.
SPEC = re.compile(r"\A[a-z0-9]+([+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+\Z")
REGISTERED = re.compile(r"\A(sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})\Z")

good = st.sampled_from(sorted(HEX_LENGTH)).flatmap(
    lambda name: st.text("0123456789abcdef", min_size=HEX_LENGTH[name], max_size=HEX_LENGTH[name])
    .map(lambda text: f"{name}:{text}")
)  # fmt: skip


@given(good)
def test_a_digest_is_read_and_written_unchanged(text: str) -> None:
    assert str(Digest.parse(text)) == text
    assert REGISTERED.match(text)


def spoiled(text: str) -> st.SearchStrategy[str]:
    return st.sampled_from(
        [text.upper(), text + "0", text[:-1], text + "\n", " " + text, text.replace(":", "::"),
         text.replace("sha", "md"), "../" + text, text.replace(":", "%3A"), text[:-1] + "g"]
    )  # fmt: skip


@given(st.text() | good.flatmap(spoiled))
@example("sha256:" + "٠" * 64)
@example("sha256:")
@example("")
def test_anything_else_is_refused_by_the_grammar_of_the_specification(text: str) -> None:
    if REGISTERED.match(text):
        assert str(Digest.parse(text)) == text
        return
    with pytest.raises(DigestInvalid) as refused:
        Digest.parse(text)
    unsupported = "is not supported" in str(refused.value)
    assert not unsupported or SPEC.match(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("latest", "not a digest"),
        ("md5:" + "0" * 32, "'md5' is not supported"),
        ("sha256:" + "0" * 63, "not 64 lower-case hex"),
        ("sha512:" + "0" * 64, "not 128 lower-case hex"),
        ("sha256:" + "A" * 64, "not 64 lower-case hex"),
    ],
)
def test_the_reason_is_told(text: str, reason: str) -> None:
    with pytest.raises(DigestInvalid, match=reason):
        Digest.parse(text)


@given(st.binary(), st.binary(), st.sampled_from(sorted(HEX_LENGTH)))
def test_verify_accepts_the_content_and_nothing_else(
    content: bytes, other: bytes, algorithm: str
) -> None:
    digest = Digest.of(content, algorithm)
    assert digest.hex == hashlib.new(algorithm, content).hexdigest()
    digest.verify(Digest.of(content, algorithm))
    if other != content:
        with pytest.raises(DigestInvalid, match=str(digest)):
            digest.verify(Digest.of(other, algorithm))


def test_an_unknown_algorithm_has_no_hasher() -> None:
    assert hasher("sha512").name == "sha512"
    with pytest.raises(DigestInvalid, match="'md5' is not supported"):
        hasher("md5")


@given(st.text())
def test_what_is_shown_of_client_text_is_printable_and_bounded(text: str) -> None:
    told = shown(text * 50)
    assert told.isprintable()
    assert len(told) <= 2 + 161 * 10
