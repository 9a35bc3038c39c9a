from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.storage.header import HEADER_MAX, Header, split
from registry.values.errors import Damaged

ascii_text = st.text(st.characters(max_codepoint=127), min_size=1, max_size=100)
headers = st.builds(
    Header,
    key_id=ascii_text,
    wrapped=st.binary(max_size=300),
    name=ascii_text,
    prefix=st.binary(min_size=7, max_size=7),
    frame_size=st.integers(1, 1 << 20),
)
HEADER = Header("key", b"wrapped", "name", b"prefix.", 1000)
RAW = (
    b"MOORAGE\0\0\1\0\x2a\0\0\x03\xe8prefix."  # magic, version 1, 42 bytes, frames of 1000
    b"\x03key\0\x07wrapped\0\x04name"
)


def test_the_form_is_the_documented_one() -> None:
    assert HEADER.encode() == RAW
    assert Header.decode(RAW) == HEADER


@given(headers)
def test_what_is_encoded_is_decoded(header: Header) -> None:
    assert Header.decode(header.encode()) == header


@given(headers, st.binary(max_size=50), st.integers(1, 20))
def test_it_is_split_off_however_it_arrives(header: Header, rest: bytes, size: int) -> None:
    stored = header.encode() + rest
    chunks: Iterator[bytes] = (stored[i : i + size] for i in range(0, len(stored), size))
    raw, behind = split(chunks)
    assert raw == header.encode()
    assert b"".join(behind) == rest


@given(headers, st.data())
def test_one_cut_off_is_damaged(header: Header, data: st.DataObject) -> None:
    raw = header.encode()
    short = raw[: data.draw(st.integers(0, len(raw) - 1))]
    with pytest.raises(Damaged):
        split(iter([short]))
    with pytest.raises(Damaged):
        Header.decode(short)


@given(headers, st.binary(min_size=1, max_size=5))
def test_nothing_may_stand_behind_its_fields(header: Header, more: bytes) -> None:
    with pytest.raises(Damaged):
        Header.decode(header.encode() + more)


@given(st.binary(max_size=100) | st.binary(max_size=100).map(lambda b: RAW[:23] + b))
def test_any_bytes_are_a_header_or_damaged(raw: bytes) -> None:
    try:
        header = Header.decode(raw)
    except Damaged:
        return
    assert header.encode() == raw


@pytest.mark.parametrize(
    ("at", "replacement", "message"),
    [
        (0, b"m", "not an encrypted"),
        (8, b"\0\2", "unknown format .version 2"),
        (10, b"\xff\xff", "unknown format"),
        (10, b"\0\x0c", "unknown format"),
    ],
)
def test_other_objects_are_told_apart(at: int, replacement: bytes, message: str) -> None:
    raw = RAW[:at] + replacement + RAW[at + len(replacement) :]
    with pytest.raises(Damaged, match=message):
        split(iter([raw + bytes(HEADER_MAX)]))


@pytest.mark.parametrize("frame_size", [0, (1 << 20) + 1, 0xFFFFFFFF])
def test_frames_of_absurd_size_are_refused(frame_size: int) -> None:
    with pytest.raises(Damaged):
        Header.decode(RAW[:12] + frame_size.to_bytes(4) + RAW[16:])


@pytest.mark.parametrize(
    "header",
    [
        Header("key", b"", "", b"prefix."),
        Header("", b"", "name", b"prefix."),
        Header("key", b"", "n" * 901, b"prefix."),
        Header("k" * 256, b"", "name", b"prefix."),
        Header("key", b"", "nämé", b"prefix."),
        Header("key", bytes(8192), "name", b"prefix."),
    ],
)
def test_what_has_no_form_is_not_written(header: Header) -> None:
    with pytest.raises(ValueError, match=r"name|ascii|too long"):
        header.encode()
