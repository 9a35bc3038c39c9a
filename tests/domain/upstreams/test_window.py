"""What readers see of bytes that pass."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from registry.domain.upstreams.window import Window

chunks = st.lists(st.binary(max_size=20), max_size=20)


def read(window: Window, offset: int = 0) -> tuple[bytes, int]:
    """What can be read from the offset on, and where that ends."""
    got = b""
    while (chunk := window.take(offset + len(got))) is not None:
        assert chunk
        got += chunk
    return got, offset + len(got)


@given(chunks=chunks, limit=st.integers(1, 100))
def test_a_reader_gets_the_bytes_from_where_it_stands_or_nothing(
    chunks: list[bytes], limit: int
) -> None:
    window, whole = Window(limit), b"".join(chunks)
    assert list(window.passing(iter(chunks))) == chunks
    window.close()
    starts, at = [], 0
    for chunk in chunks:
        starts.append(at)
        at += len(chunk)
    kept = 0
    for start in starts:
        got, end = read(window, start)
        assert got in {whole[start:], b""}
        assert got == b"" or end == len(whole)
        kept = max(kept, len(got))
    largest = max(map(len, chunks), default=0)
    assert kept <= max(limit, largest)
    assert kept >= min(largest and len(next(c for c in reversed(chunks) if c)), len(whole))


def test_a_reader_waits_for_what_comes() -> None:
    window, got = Window(), []
    reader = threading.Thread(target=lambda: got.append(read(window)[0]))
    reader.start()
    for _ in window.passing([b"ab", b"", b"cd"]):
        pass
    assert reader.is_alive()
    window.close()
    reader.join(30)
    assert got == [b"abcd"]
