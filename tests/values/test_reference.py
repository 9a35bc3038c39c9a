from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry.values.digest import Digest
from registry.values.errors import DigestInvalid, NameInvalid, TagInvalid
from registry.values.reference import manifest_reference, repository_name, tag_name

# distribution-spec, "Pulling manifests", as it stands there.
NAME = re.compile(
    r"\A[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*\Z", re.ASCII
)
REGISTERED = re.compile(r"\A(sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})\Z")
TAG = re.compile(r"\A[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}\Z", re.ASCII)

near_names = st.text("ab0._-/A%\\ \n", min_size=1, max_size=12)
near_tags = st.text("aB0._-/:%\n", max_size=6) | st.integers(120, 140).map(
    lambda length: "t" * length
)


@given(near_names | st.from_regex(NAME) | st.text())
@example("a" * 256)
@example("a" * 257)
@example("a")
@example("team/app\n")
@example("tëam/app")
def test_a_name_is_one_by_the_specification_and_ecrs_length(text: str) -> None:
    if NAME.match(text) and 2 <= len(text) <= 256:
        assert repository_name(text) == text
    else:
        with pytest.raises(NameInvalid):
            repository_name(text)


@pytest.mark.parametrize(
    "trick",
    ["../etc", "a/../b", "a/./b", "a//b", "/a/b", "a/b/", "a\\b", "A/b", "a/B", "a%2fb", "a/..",
     "a/.b", "a..b", "a___b", "a/_b", "a b", "a\x00b", "a/\u2024\u2024/b", ".", "..", "a:b", "a@b"],
)  # fmt: skip
def test_path_tricks_are_no_names(trick: str) -> None:
    with pytest.raises(NameInvalid) as refused:
        repository_name(trick)
    assert repr(trick) in str(refused.value)


@given(near_tags | st.from_regex(TAG) | st.text())
@example("t" * 128)
@example("t" * 129)
@example("v1\n")
@example("")
def test_a_tag_is_one_by_the_specification(text: str) -> None:
    if TAG.match(text):
        assert tag_name(text) == text
    else:
        with pytest.raises(TagInvalid):
            tag_name(text)


@given(st.text())
def test_a_reference_is_a_digest_or_a_tag(text: str) -> None:
    if ":" in text:
        if not REGISTERED.match(text):
            with pytest.raises(DigestInvalid):
                manifest_reference(text)
    elif TAG.match(text):
        assert manifest_reference(text) == text
    else:
        with pytest.raises(TagInvalid):
            manifest_reference(text)


def test_a_digest_is_told_from_a_tag_by_its_colon() -> None:
    digest = Digest.of(b"content")
    assert manifest_reference(str(digest)) == digest
    assert manifest_reference("sha256") == "sha256"
