from __future__ import annotations

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from registry.storage.frames import BATCH_SIZE, Frames, cut
from registry.storage.header import Header
from registry.values.errors import Damaged

SIZE = 10
STORED = SIZE + 16
KEY = bytes(range(32))
HEADER = Header("key", b"wrapped", "name", b"prefix.", SIZE)
START = len(HEADER.encode())

chunks_of_content = st.lists(st.binary(max_size=35), max_size=6)
contents = st.binary(max_size=45)
sizes = st.integers(1, 40)


def frames(header: Header = HEADER, key: bytes = KEY) -> Frames:
    return Frames(header, key)


def sealed(content: bytes, using: Frames | None = None) -> bytes:
    return b"".join(bytes(view) for view in (using or frames()).seal([content]))


def parts(whole: bytes, size: int) -> Iterator[bytes]:
    return (whole[i : i + size] for i in range(0, len(whole), size))


def opened(stored: bytes, size: int = 1000) -> bytes:
    return b"".join([*frames().open(parts(stored[START:], size))])


@given(chunks_of_content, sizes)
def test_cutting_keeps_the_bytes_and_ends_in_one_short_piece(
    chunks: list[bytes], size: int
) -> None:
    pieces = [bytes(piece) for piece in cut(chunks, size)]
    assert b"".join(pieces) == b"".join(chunks)
    assert all(len(piece) == size for piece in pieces[:-1])
    assert len(pieces[-1]) < size


def test_pieces_within_one_chunk_are_not_copied() -> None:
    chunk = bytearray(30)
    pieces = cut([chunk], 10)
    next(pieces)
    second = next(pieces)
    chunk[10] = 7
    assert second[0] == 7


@given(chunks_of_content, sizes)
def test_any_content_in_any_chunks_comes_back(chunks: list[bytes], size: int) -> None:
    stored = b"".join(bytes(view) for view in frames().seal(chunks))
    content = b"".join(chunks)
    assert len(stored) == START + len(content) + 16 * (len(content) // SIZE + 1)
    assert opened(stored, size) == content


@given(contents)
def test_each_frame_is_the_documented_one(content: bytes) -> None:
    stored = sealed(content)
    bound, cipher, rest = HEADER.encode(), AESGCM(KEY), stored[START:]
    assert stored[:START] == bound
    for index in range(len(content) // SIZE + 1):
        piece = content[index * SIZE :][:SIZE]
        last = len(piece) < SIZE
        nonce = b"prefix." + index.to_bytes(4, "big") + bytes([last])
        assert rest[: len(piece) + 16] == cipher.encrypt(nonce, piece, bound)
        rest = rest[len(piece) + 16 :]
    assert rest == b""


@given(contents, st.data())
def test_any_range_of_frames(content: bytes, data: st.DataObject) -> None:
    stored = sealed(content)
    last = len(content) // SIZE
    first = data.draw(st.integers(0, last), "first")
    end = data.draw(st.integers(first, last + 2), "end")
    start, stop = START + first * STORED, START + end * STORED + 17
    got = b"".join([*frames().open(parts(stored[start:stop], 7), first, end)])
    assert got == content[first * SIZE : end * SIZE]


@given(contents, st.data())
def test_no_bit_can_be_changed(content: bytes, data: st.DataObject) -> None:
    stored = bytearray(sealed(content))
    bit = data.draw(st.integers(START * 8, len(stored) * 8 - 1))
    stored[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Damaged):
        opened(bytes(stored))


@given(contents, st.data())
def test_no_byte_can_be_cut_off(content: bytes, data: st.DataObject) -> None:
    stored = sealed(content)
    with pytest.raises(Damaged):
        opened(stored[: data.draw(st.integers(START, len(stored) - 1))])


@given(contents, st.binary(min_size=1, max_size=60), st.booleans())
def test_nothing_can_be_appended(content: bytes, more: bytes, own: bool) -> None:
    stored = sealed(content)
    tail = stored[-len(more) :] if own else more
    with pytest.raises(Damaged):
        opened(stored + tail)


@given(st.binary(min_size=SIZE, max_size=45), st.randoms(use_true_random=False))
def test_frames_have_their_places(content: bytes, chance: object) -> None:
    stored = sealed(content)
    pieces = [*parts(stored[START:], STORED)]
    assert hasattr(chance, "shuffle")
    shuffled = pieces[:]
    chance.shuffle(shuffled)
    if shuffled != pieces:
        with pytest.raises(Damaged):
            opened(stored[:START] + b"".join(shuffled))
    for index in range(len(pieces)):
        for changed in ([pieces[index]] * 2, []):
            spliced = [*pieces[:index], *changed, *pieces[index + 1 :]]
            with pytest.raises(Damaged):
                opened(stored[:START] + b"".join(spliced))


@given(st.binary(min_size=SIZE, max_size=45), st.data())
def test_a_frame_of_another_object_does_not_fit(content: bytes, data: st.DataObject) -> None:
    """Not with the same data key even, for the header is bound to each frame."""
    pieces = [*parts(sealed(content)[START:], STORED)]
    other_header = Header("key", b"wrapped", "other", b"prefix.", SIZE)
    for using in (frames(other_header), frames(key=bytes(32))):
        start = len(other_header.encode()) if using._header is other_header else START
        foreign = [*parts(sealed(content, using)[start:], STORED)]
        index = data.draw(st.integers(0, len(pieces) - 1))
        spliced = [*pieces[:index], foreign[index], *pieces[index + 1 :]]
        with pytest.raises(Damaged):
            opened(sealed(content)[:START] + b"".join(spliced))


@pytest.mark.parametrize("index", [0, 1, 3])
def test_what_came_before_the_damage_was_right(index: int) -> None:
    """Frames of a whole batch each, so that each is given out by itself."""
    header = Header("key", b"wrapped", "name", b"prefix.", BATCH_SIZE)
    using = frames(header)
    content = b"".join(bytes([n]) * BATCH_SIZE for n in range(4))
    stored = bytearray(sealed(content, using)[len(header.encode()) :])
    stored[index * (BATCH_SIZE + 16) + 5] ^= 1
    reader = using.open([bytes(stored)])
    for number in range(index):
        assert next(reader) == bytes([number]) * BATCH_SIZE
    with pytest.raises(Damaged, match=f"name fails its check in frame {index}"):
        next(reader)


def test_the_last_buffer_waits_for_the_end_to_be_checked() -> None:
    header = Header("key", b"wrapped", "name", b"prefix.", BATCH_SIZE)
    using = frames(header)
    stored = sealed(bytes(2 * BATCH_SIZE), using)[len(header.encode()) :]
    reader = using.open([stored[:-16]])
    assert next(reader) == bytes(BATCH_SIZE)
    with pytest.raises(Damaged, match="cut off in frame 2"):
        next(reader)


def test_buffers_hold_a_batch_and_the_sealed_ones_are_reused() -> None:
    header = Header("key", b"wrapped", "name", b"prefix.")
    using = frames(header)
    views = [*using.seal([bytes(5 << 20)])]
    assert len({id(view.obj) for view in views}) == 1
    stored = sealed(bytes(5 << 20), using)[len(header.encode()) :]
    got = [*using.open([stored])]
    assert [len(view) for view in got] == [BATCH_SIZE] * 10
    assert len({id(view.obj) for view in got}) == 10
