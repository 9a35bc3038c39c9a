from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.oci.ranges import Span, Unsatisfiable, sent, wanted
from registry.values.errors import SizeInvalid

numbers = st.integers(0, 40)


def asked(first: int | None, last: int | None, size: int) -> Span | None:
    def text(number: int | None) -> str:
        return "" if number is None else str(number)

    return wanted(f"bytes={text(first)}-{text(last)}", size)


@given(st.binary(max_size=30), numbers, st.none() | numbers)
def test_a_range_is_the_slice(content: bytes, first: int, last: int | None) -> None:
    end = len(content) if last is None else last + 1
    part = content[first:end]
    if not part:
        with pytest.raises(Unsatisfiable):
            asked(first, last, len(content))
        return
    span = asked(first, last, len(content))
    assert span is not None
    assert content[span.start : span.last + 1] == part
    assert span.length == len(part)


@given(st.binary(max_size=30), numbers)
def test_a_suffix_is_the_end(content: bytes, count: int) -> None:
    if not content or not count:
        with pytest.raises(Unsatisfiable):
            asked(None, count, len(content))
        return
    span = asked(None, count, len(content))
    assert span is not None
    assert content[span.start : span.last + 1] == content[-count:]


@given(st.text(max_size=30), st.integers(0, 100))
def test_other_headers_mean_the_whole(text: str, size: int) -> None:
    assert wanted(text, size) is None


@pytest.mark.parametrize(
    "header", [None, "", "bytes=-", "bytes=a-b", "bytes=0-1,3-4", "items=0-1", "bytes 0-1", "0-1"]
)
def test_what_is_not_one_range_of_bytes_means_the_whole(header: str | None) -> None:
    assert wanted(header, 10) is None


@given(numbers, numbers, st.sampled_from(["{}-{}", "bytes {}-{}/*", "bytes={}-{}", "{}-{}/99"]))
def test_a_content_range_is_read(first: int, last: int, form: str) -> None:
    header = form.format(first, last)
    if last < first:
        with pytest.raises(SizeInvalid, match="ends before it begins"):
            sent(header)
    else:
        assert sent(header) == Span(first, last - first + 1)


@pytest.mark.parametrize(
    "header", ["", "-", "1-", "-1", "a-b", "0-1-2", "0 - 1", "bytes */5", "٠-١", "0-" + "9" * 20]
)
def test_a_malformed_content_range_is_named(header: str) -> None:
    with pytest.raises(SizeInvalid, match="Content-Range"):
        sent(header)


def test_no_content_range_says_nothing() -> None:
    assert sent(None) is None
