from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.storage.hashing import WORTH_A_THREAD, HashingChunks
from registry.values.digest import Digest
from registry.values.errors import DigestInvalid, Interrupted

SIZES = st.one_of(st.integers(0, 300), st.integers(WORTH_A_THREAD - 2, WORTH_A_THREAD + 2))


def hashing_threads() -> int:
    return sum(thread.name == "moorage-hash" for thread in threading.enumerate())


@settings(max_examples=50, deadline=None)
@given(st.lists(SIZES, max_size=8), st.sets(st.sampled_from(["sha256", "sha512"]), min_size=1))
def test_chunks_pass_unchanged_and_their_digests_are_right(
    sizes: list[int], algorithms: set[str]
) -> None:
    parts = [bytes([number]) * size for number, size in enumerate(sizes)]
    hashing = HashingChunks(parts, *algorithms)
    body = b"".join(bytes(chunk) for chunk in hashing)
    assert body == b"".join(parts)
    assert hashing.size == len(body)
    for algorithm in algorithms:
        assert hashing.digest(algorithm) == Digest.of(body, algorithm)
    assert hashing_threads() == 0


def test_a_reused_buffer_is_hashed_before_it_changes() -> None:
    buffer = bytearray(4 * WORTH_A_THREAD)
    expected = hashlib.sha256()

    def chunks() -> Iterator[bytearray]:
        for number in range(60):
            buffer[:] = bytes([number]) * len(buffer)
            expected.update(buffer)
            yield buffer

    hashing = HashingChunks(chunks())
    for _ in hashing:
        pass
    assert hashing.digest().hex == expected.hexdigest()


def test_there_is_no_digest_of_half_a_body() -> None:
    def chunks() -> Iterator[bytes]:
        yield bytes(WORTH_A_THREAD)
        raise Interrupted("the client hung up")

    hashing = HashingChunks(chunks())
    with pytest.raises(Interrupted):
        list(hashing)
    with pytest.raises(RuntimeError):
        hashing.digest()
    assert hashing_threads() == 0


def test_a_reader_that_gives_up_ends_the_thread() -> None:
    reading = iter(HashingChunks([bytes(WORTH_A_THREAD)] * 3))
    next(reading)
    assert hashing_threads() == 1
    reading.close()  # type: ignore[attr-defined]  # it is a generator, typed as an iterator
    assert hashing_threads() == 0


def test_an_algorithm_nobody_knows_is_refused_at_once() -> None:
    with pytest.raises(DigestInvalid, match="md5"):
        HashingChunks([], "md5")
