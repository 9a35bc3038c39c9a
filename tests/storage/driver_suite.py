"""The law of `registry/storage/driver.py` as one class of tests, numbered as the law is.

A driver joins in three lines:

    class TestFilesystem(DriverSuite):
        @pytest.fixture
        def driver(self, tmp_path: Path) -> Driver:
            return FilesystemDriver(tmp_path / "data")
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.storage.driver import Buffer, Driver
from registry.values.errors import ObjectNotFound

KIB, MIB = 1 << 10, 1 << 20
FRAME = 256 * KIB
EDGES = [
    *(0, 1, 1000, FRAME - 1, FRAME, FRAME + 1),
    *(MIB - 1, MIB, MIB + 1, 4 * FRAME + 7, 3 * MIB + 17),
]
BAD_PATHS = [
    *("", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a/..", "./a"),
    *("a\\b", "a b", "a\0b", "a\n", "ä", "a:b", "a%2fb", "a?b", "~/a", "x" * 901, "a/" * 450 + "a"),
]

property_test = settings(
    max_examples=25,
    deadline=None,
    # The store may outlive an example, for each example stores an object of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


def content(size: int, seed: int = 0) -> bytes:
    """Bytes that tell where they are, so that no two frames are alike."""
    return random.Random(f"{seed}/{size}").randbytes(size)  # noqa: S311 - test data, no secret


def pieces(whole: bytes, size: int = 100_000) -> Iterator[bytes]:
    for start in range(0, len(whole), size):
        yield whole[start : start + size]


def read(driver: Driver, path: str, offset: int = 0, length: int | None = None) -> bytes:
    # All the buffers are held before any is looked at: a driver that reuses one is caught.
    return b"".join([*driver.get(path, offset, length)])


class Boom(Exception):
    """What a producer raises in mid-object."""


def failing(chunks: Iterable[Buffer], error: BaseException) -> Iterator[Buffer]:
    yield from chunks
    raise error


class DriverSuite:
    """The tests; a subclass gives the fixture `driver`."""

    big_size = 20 * MIB

    @pytest.fixture
    def driver(self) -> Driver:
        raise NotImplementedError

    # 1. Paths

    @pytest.mark.parametrize("path", BAD_PATHS)
    def test_a_path_outside_the_grammar_is_a_value_error(self, driver: Driver, path: str) -> None:
        driver.put("good/object", [b"x"])
        calls: list[Callable[[], object]] = [
            lambda: driver.put(path, [b"x"]),
            lambda: driver.get(path),
            lambda: driver.stat(path),
            lambda: driver.delete(path),
            lambda: driver.move(path, "good/other"),
            lambda: driver.move("good/object", path),
        ]
        for call in calls:
            with pytest.raises(ValueError, match=r"path|name"):
                call()
        assert [*driver.list("good")] == ["good/object"]

    @pytest.mark.parametrize("path", [path for path in BAD_PATHS if path])
    def test_a_listing_outside_the_grammar_is_a_value_error(
        self, driver: Driver, path: str
    ) -> None:
        with pytest.raises(ValueError, match="path"):
            driver.list(path)

    def test_dots_and_dashes_inside_a_part_are_fine(self, driver: Driver) -> None:
        for path in ("a/.hidden", "a/b.c", "-a/_b", "a/b..", "one"):
            driver.put(path, [path.encode()])
            assert read(driver, path) == path.encode()

    # 2. put is atomic

    @pytest.mark.parametrize("size", EDGES)
    def test_what_was_put_is_got(self, driver: Driver, size: int) -> None:
        assert driver.put("a/object", pieces(content(size))) == size
        assert driver.stat("a/object").size == size
        assert read(driver, "a/object") == content(size)

    def test_no_chunks_and_empty_chunks_make_an_empty_object(self, driver: Driver) -> None:
        for chunks in ([], [b""], [b"", b"", b""]):
            assert driver.put("a/empty", chunks) == 0
            assert driver.stat("a/empty").size == 0
            assert read(driver, "a/empty") == b""

    def test_a_big_object(self, driver: Driver) -> None:
        whole = content(self.big_size + 4321)
        assert driver.put("a/big", pieces(whole, MIB)) == len(whole)
        assert driver.stat("a/big").size == len(whole)
        assert read(driver, "a/big") == whole
        assert read(driver, "a/big", 5 * MIB - 3, 7) == whole[5 * MIB - 3 : 5 * MIB + 4]

    @property_test
    @given(chunks=st.lists(st.binary(max_size=2000), max_size=20), kind=st.sampled_from("bam"))
    def test_any_chunks_of_any_kind(self, driver: Driver, chunks: list[bytes], kind: str) -> None:
        kinds: dict[str, Callable[[bytes], Buffer]] = {"b": bytes, "a": bytearray, "m": memoryview}
        driver.put("a/object", map(kinds[kind], chunks))
        assert read(driver, "a/object") == b"".join(chunks)

    @pytest.mark.parametrize("size", [0, 10, MIB + 1, 12 * MIB])
    @pytest.mark.parametrize("error", [Boom("x"), OSError(28, "the client's own"), GeneratorExit()])
    def test_when_the_chunks_raise_nothing_is_there(
        self, driver: Driver, size: int, error: BaseException
    ) -> None:
        with pytest.raises(type(error)) as raised:
            driver.put("a/object", failing(pieces(content(size)), error))
        assert raised.value is error
        with pytest.raises(ObjectNotFound):
            driver.stat("a/object")
        with pytest.raises(ObjectNotFound):
            driver.get("a/object")
        assert [*driver.list("a")] == []

    def test_when_the_chunks_raise_what_was_there_stays(self, driver: Driver) -> None:
        driver.put("a/object", [b"before"])
        with pytest.raises(Boom):
            driver.put("a/object", failing(pieces(content(12 * MIB)), Boom()))
        assert read(driver, "a/object") == b"before"

    # 3. Objects never change in place

    def test_put_replaces_whole(self, driver: Driver) -> None:
        for size in (MIB + 5, 3, 2 * FRAME):
            driver.put("a/object", pieces(content(size)))
            assert read(driver, "a/object") == content(size)
            assert driver.stat("a/object").size == size

    def test_an_open_reader_reads_the_object_it_opened(self, driver: Driver) -> None:
        before, after = content(6 * MIB, 1), content(5 * MIB, 2)
        driver.put("a/object", pieces(before))
        driver.put("b/object", pieces(after))
        fresh, started = driver.get("a/object"), driver.get("a/object")
        head = next(started)
        driver.put("a/object", pieces(after))
        assert b"".join([*fresh]) == before
        driver.move("b/object", "a/object")
        driver.delete("a/object")
        assert b"".join([head, *started]) == before

    def test_readers_see_one_whole_object_while_writers_replace_it(self, driver: Driver) -> None:
        versions = [content(FRAME + number * 1000, number) for number in range(4)]
        driver.put("a/object", [versions[0]])
        with ThreadPoolExecutor(4) as pool:
            writes = [pool.submit(driver.put, "a/object", pieces(v)) for v in versions * 3]
            reads = [pool.submit(read, driver, "a/object") for _ in range(12)]
            assert [write.result() for write in writes] == [len(v) for v in versions * 3]
            assert all(got.result() in versions for got in reads)

    # 4. move

    def test_move_takes_the_object_to_the_target_alone(self, driver: Driver) -> None:
        whole = content(MIB + 1)
        driver.put("uploads/one/object", pieces(whole))
        driver.move("uploads/one/object", "blobs/ab/object")
        assert read(driver, "blobs/ab/object") == whole
        assert driver.stat("blobs/ab/object").size == len(whole)
        with pytest.raises(ObjectNotFound):
            driver.stat("uploads/one/object")
        assert [*driver.list("uploads")] == []
        assert [*driver.list("blobs")] == ["blobs/ab/object"]

    def test_move_replaces(self, driver: Driver) -> None:
        driver.put("a/object", [b"new"])
        driver.put("b/object", [b"old and longer"])
        driver.move("a/object", "b/object")
        assert read(driver, "b/object") == b"new"
        assert driver.stat("b/object").size == 3

    def test_move_to_where_it_is(self, driver: Driver) -> None:
        driver.put("a/object", [b"here"])
        driver.move("a/object", "a/object")
        assert read(driver, "a/object") == b"here"

    def test_move_keeps_the_name(self, driver: Driver) -> None:
        driver.put("a/object", [b"here"])
        with pytest.raises(ValueError, match="keeps the object's name"):
            driver.move("a/object", "a/other")
        assert [*driver.list("a")] == ["a/object"]

    # 5. get

    @property_test
    @given(data=st.data(), size=st.sampled_from(EDGES))
    def test_any_range_is_the_slice(self, driver: Driver, data: st.DataObject, size: int) -> None:
        path, whole = f"ranges/s{size}", content(size)
        driver.put(path, pieces(whole))
        near = st.sampled_from([o + d for o in (0, FRAME, MIB, size) for d in (-1, 0, 1)])
        offsets = near.filter(lambda o: 0 <= o <= size) | st.integers(0, size)
        offset = data.draw(offsets, "offset")
        lengths = st.none() | st.integers(0, size + 10) | st.sampled_from([0, 1, FRAME, size])
        length = data.draw(lengths, "length")
        end = size if length is None else offset + length
        assert read(driver, path, offset, length) == whole[offset:end]

    @pytest.mark.parametrize("size", [0, 5, FRAME, MIB + 1])
    def test_a_range_past_the_end(self, driver: Driver, size: int) -> None:
        driver.put("a/object", pieces(content(size)))
        assert read(driver, "a/object", size) == b""
        assert read(driver, "a/object", size, 10) == b""
        assert read(driver, "a/object", 0, size + 10) == content(size)
        for length in (None, 0, 1):
            with pytest.raises(ValueError, match="offset"):
                driver.get("a/object", size + 1, length)

    @pytest.mark.parametrize(("offset", "length"), [(-1, None), (0, -1), (-5, 3)])
    def test_a_negative_range_is_a_value_error(
        self, driver: Driver, offset: int, length: int | None
    ) -> None:
        driver.put("a/object", [b"0123456789"])
        with pytest.raises(ValueError, match="range"):
            driver.get("a/object", offset, length)

    def test_get_opens_before_it_returns(self, driver: Driver) -> None:
        with pytest.raises(ObjectNotFound):
            driver.get("a/missing")
        driver.put("a/object", pieces(content(3 * MIB)))
        opened = driver.get("a/object")
        driver.delete("a/object")
        assert b"".join([*opened]) == content(3 * MIB)

    def test_buffers_given_out_belong_to_the_caller(self, driver: Driver) -> None:
        whole = content(3 * MIB)
        driver.put("a/object", pieces(whole))
        seen = b""
        for buffer in driver.get("a/object"):
            view = memoryview(buffer)
            assert 0 < len(view) <= 2 * MIB
            seen += view
            if not view.readonly:
                view[:] = bytes(len(view))
        assert seen == whole
        assert read(driver, "a/object") == whole

    def test_a_closed_reader_is_over(self, driver: Driver) -> None:
        driver.put("a/object", pieces(content(3 * MIB)))
        unread, begun = driver.get("a/object"), driver.get("a/object")
        next(begun)
        for reader in (unread, begun):
            reader.close()
            assert [*reader] == []

    def test_a_directory_is_not_an_object(self, driver: Driver) -> None:
        driver.put("a/b/object", [b"x"])
        for path in ("a", "a/b", "a/b/object/below"):
            with pytest.raises(ObjectNotFound):
                driver.stat(path)
            with pytest.raises(ObjectNotFound):
                driver.get(path)

    # 6. Buffers handed in belong to the producer

    @pytest.mark.parametrize("size", [1000, FRAME, MIB, MIB + 3])
    def test_the_producer_reuses_its_buffer(self, driver: Driver, size: int) -> None:
        buffer = bytearray(size)

        def reused() -> Iterator[memoryview]:
            for number in range(9):
                buffer[:] = content(size, number)
                yield memoryview(buffer)
                buffer[:] = bytes(size)

        driver.put("a/object", reused())
        assert read(driver, "a/object") == b"".join(content(size, n) for n in range(9))

    # 7. What is not there

    def test_what_is_missing(self, driver: Driver) -> None:
        driver.delete("no/such")
        for call in (driver.stat, driver.get):
            with pytest.raises(ObjectNotFound, match="no/such"):
                call("no/such")
        with pytest.raises(ObjectNotFound, match="no/such"):
            driver.move("no/such", "other/such")
        assert [*driver.list("other")] == []

    def test_delete(self, driver: Driver) -> None:
        for name in ("one", "two"):
            driver.put(f"a/b/{name}", [b"x"])
        driver.delete("a/b/one")
        driver.delete("a/b/one")
        with pytest.raises(ObjectNotFound):
            driver.get("a/b/one")
        assert read(driver, "a/b/two") == b"x"
        driver.delete("a/b")
        assert [*driver.list("a")] == ["a/b/two"]

    # 8. list

    def test_list_is_recursive_and_keeps_to_its_directory(self, driver: Driver) -> None:
        everything = {"top", "a/one", "a/b/two", "a/b/c/three", "ab/four", "a.b/five"}
        for path in everything:
            driver.put(path, [b"x"])
        below = {"a/one", "a/b/two", "a/b/c/three"}
        assert sorted(driver.list("a")) == sorted(below)
        assert sorted(driver.list("a/b")) == ["a/b/c/three", "a/b/two"]
        assert sorted(driver.list("")) == sorted(everything)
        assert [*driver.list("a/one")] == []
        assert [*driver.list("nothing/here")] == []

    def test_list_never_shows_a_half_object(self, driver: Driver) -> None:
        driver.put("a/whole", [b"x"])

        def chunks() -> Iterator[bytes]:
            for number in range(14):
                yield content(MIB, number)
                assert [*driver.list("")] == ["a/whole"]
                with pytest.raises(ObjectNotFound):
                    driver.stat("a/half")

        driver.put("a/half", chunks())
        assert sorted(driver.list("a")) == ["a/half", "a/whole"]

    def test_list_may_be_left_half_way(self, driver: Driver) -> None:
        for number in range(5):
            driver.put(f"a/d{number}/object", [b"x"])
        first = next(driver.list("a"))
        driver.delete(first)
        assert first not in [*driver.list("a")]

    # Everything at once

    def test_puts_deletes_and_moves_beside_each_other(self, driver: Driver) -> None:
        """Directories come and go under everybody's feet; nobody may notice."""
        rounds, threads = 8, 6
        start = threading.Barrier(threads)

        def work(number: int) -> None:
            name, whole = f"n{number}", content(1000, number)
            start.wait(30)
            for _ in range(rounds):
                driver.put(f"in/x/{name}", [whole])
                driver.move(f"in/x/{name}", f"out/y/{name}")
                assert read(driver, f"out/y/{name}") == whole
                driver.delete(f"out/y/{name}")
            driver.put(f"in/x/{name}", [whole])

        with ThreadPoolExecutor(threads) as pool:
            for done in [pool.submit(work, number) for number in range(threads)]:
                done.result()
        names = [f"in/x/n{number}" for number in range(threads)]
        assert sorted(driver.list("")) == names
        assert [read(driver, path) for path in names] == [content(1000, n) for n in range(threads)]

    def test_two_puts_of_one_path_leave_one_of_them(self, driver: Driver) -> None:
        versions = [content(MIB + number, number) for number in range(4)]
        with ThreadPoolExecutor(len(versions)) as pool:
            sizes = pool.map(lambda v: driver.put("a/object", pieces(v)), versions)
            assert [*sizes] == [len(v) for v in versions]
        assert read(driver, "a/object") in versions
        assert [*driver.list("")] == ["a/object"]
