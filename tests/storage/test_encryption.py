from __future__ import annotations

import base64
import json
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from registry.keys.local import LocalKeyring
from registry.storage.driver import Buffer, Driver, Stat
from registry.storage.encryption import EncryptedDriver
from registry.storage.filesystem import FilesystemDriver
from registry.storage.header import split
from registry.storage.s3 import S3Driver
from registry.storage.sealing import Sealer
from registry.values.errors import Damaged, KeyNotFound, KeyUnavailable, ObjectNotFound
from tests.storage.driver_suite import DriverSuite, content, pieces, read
from tests.storage.oracle import decrypted

FRAME = 1 << 18
STORED = FRAME + 16


@pytest.fixture
def keyring(tmp_path: Path) -> LocalKeyring:
    return LocalKeyring(tmp_path / "keyring.json", "123456789012", "us-east-1")


@pytest.fixture
def key_id(keyring: LocalKeyring) -> str:
    return keyring.create("of these tests").key_id


class TestEncryptedFilesystem(DriverSuite):
    @pytest.fixture
    def driver(self, tmp_path: Path, keyring: LocalKeyring, key_id: str) -> Driver:
        return EncryptedDriver(FilesystemDriver(tmp_path / "data"), keyring, key_id)


class TestEncryptedS3(DriverSuite):
    @pytest.fixture
    def driver(self, s3_driver: S3Driver, keyring: LocalKeyring, key_id: str) -> Driver:
        return EncryptedDriver(s3_driver, keyring, key_id)


class MemoryDriver:
    """Just enough of a driver to look at what is stored, to damage it, and to count calls."""

    def __init__(self, chunk: int = 1 << 20) -> None:
        self.objects: dict[str, bytes] = {}
        self.calls: list[str] = []
        self.open = 0
        self._chunk = chunk
        self._readers: list[Generator[Buffer, None, None]] = []

    def put(self, path: str, chunks: Iterable[Buffer]) -> int:
        self.calls.append("put")
        self.objects[path] = b"".join(bytes(chunk) for chunk in chunks)
        return len(self.objects[path])

    def get(
        self, path: str, offset: int = 0, length: int | None = None
    ) -> Generator[Buffer, None, None]:
        self.calls.append("get")
        whole = self._object(path)
        if offset > len(whole):
            raise ValueError("past the end")
        reader = self._read(whole[offset : None if length is None else offset + length])
        next(reader)
        self._readers.append(reader)  # so that only `close` closes it
        return reader

    def stat(self, path: str) -> Stat:
        self.calls.append("stat")
        return Stat(len(self._object(path)))

    def list(self, prefix: str) -> Iterator[str]:
        return (path for path in self.objects if path.startswith(prefix))

    def delete(self, path: str) -> None:
        self.objects.pop(path, None)

    def move(self, source: str, target: str) -> None:
        self.objects[target] = self.objects.pop(source)

    def _object(self, path: str) -> bytes:
        if path not in self.objects:
            raise ObjectNotFound(path)
        return self.objects[path]

    def _read(self, found: bytes) -> Generator[Buffer, None, None]:
        self.open += 1
        try:
            yield b""
            for start in range(0, len(found), self._chunk):
                yield found[start : start + self._chunk]
        finally:
            self.open -= 1


@pytest.fixture
def memory() -> MemoryDriver:
    return MemoryDriver()


@pytest.fixture
def driver(memory: MemoryDriver, keyring: LocalKeyring, key_id: str) -> EncryptedDriver:
    return EncryptedDriver(memory, keyring, key_id)


@pytest.mark.parametrize("size", [0, 1, FRAME - 1, FRAME, FRAME + 1, 4 * FRAME, 5 * FRAME + 9])
def test_what_is_stored_is_what_the_documentation_says(
    memory: MemoryDriver, driver: EncryptedDriver, tmp_path: Path, key_id: str, size: int
) -> None:
    driver.put("a/object", pieces(content(size)))
    keyring = json.loads((tmp_path / "keyring.json").read_text())
    key = next(each for each in keyring["keys"] if each["key_id"] == key_id)
    materials = {v["number"]: base64.b64decode(v["material"]) for v in key["versions"]}
    stored = memory.objects["a/object"]
    assert decrypted(stored, materials, "object") == ("object", content(size))
    assert content(size)[:64] not in stored or size < 8


def test_equal_contents_are_stored_differently(
    memory: MemoryDriver, driver: EncryptedDriver
) -> None:
    driver.put("a/object", [b"x" * 1000])
    driver.put("b/object", [b"x" * 1000])
    one, two = (memory.objects[path] for path in ("a/object", "b/object"))
    assert len(one) == len(two)
    assert one[-1000:] != two[-1000:]


def damaged_start(stored: bytes, header: int) -> bytes:
    return stored[: header + 5] + bytes([stored[header + 5] ^ 1]) + stored[header + 6 :]


def swapped_frames(stored: bytes, header: int) -> bytes:
    one, two = header + STORED, header + 2 * STORED
    return stored[:header] + stored[one:two] + stored[header:one] + stored[two:]


def no_frame(stored: bytes, header: int) -> bytes:
    return stored[:header]


def no_first_frame(stored: bytes, header: int) -> bytes:
    return stored[:header] + stored[header + STORED :]


@pytest.mark.parametrize("damage", [damaged_start, swapped_frames, no_frame, no_first_frame])
def test_damage_at_the_start_raises_before_anything_is_given_out(
    memory: MemoryDriver, driver: EncryptedDriver, damage: Callable[[bytes, int], bytes]
) -> None:
    driver.put("a/object", [content(3 * FRAME)])
    stored = memory.objects["a/object"]
    memory.objects["a/object"] = damage(stored, len(split(iter([stored]))[0]))
    for offset, length in [(0, None), (0, 1), (5, None), (5, 5)]:
        with pytest.raises(Damaged):
            driver.get("a/object", offset, length)
    assert memory.open == 0


def given_out(driver: Driver, path: str, offset: int, length: int | None) -> bytes:
    """What comes before the damage is found; fails where it is not found."""
    got = bytearray()
    with pytest.raises(Damaged):
        deque(map(got.extend, driver.get(path, offset, length)))
    return bytes(got)


@pytest.mark.parametrize("frames", [1, 3, 4, 5, 8, 12])
@pytest.mark.parametrize("rest", [0, 1, 5000])
def test_an_object_without_its_end_is_never_given_out_whole(
    memory: MemoryDriver, driver: EncryptedDriver, frames: int, rest: int
) -> None:
    """Not even when all its content is there and only the mark of its end is not."""
    whole = content(frames * FRAME + rest)
    driver.put("a/object", [whole])
    stored = memory.objects["a/object"]
    for cut_off in (1, 15, 16, rest + 15, rest + 16, rest + 17, STORED):
        memory.objects["a/object"] = stored[:-cut_off]
        for offset, length in [(0, None), (0, len(whole)), (7, len(whole) - 7), (0, 1 << 40)]:
            got = given_out(driver, "a/object", offset, length)
            assert len(got) < len(whole) - offset
            assert whole[offset:].startswith(got)
    assert memory.open == 0


@pytest.mark.parametrize("rest", [0, 5000])
@pytest.mark.parametrize("appended", [1, 16, 17, STORED - 16, STORED, 2 * STORED])
def test_appended_bytes_are_damage(
    memory: MemoryDriver, driver: EncryptedDriver, rest: int, appended: int
) -> None:
    whole = content(2 * FRAME + rest)
    driver.put("a/object", [whole])
    memory.objects["a/object"] += memory.objects["a/object"][-appended:]
    assert len(given_out(driver, "a/object", 0, None)) <= len(whole)


def test_a_range_needs_and_reads_its_own_frames_only(
    memory: MemoryDriver, driver: EncryptedDriver
) -> None:
    whole = content(6 * FRAME)
    driver.put("a/object", [whole])
    stored = bytearray(memory.objects["a/object"])
    header = len(split(iter([bytes(stored)]))[0])
    for frame in (0, 1, 4, 5):
        stored[header + frame * STORED + 100] ^= 1
    memory.objects["a/object"] = bytes(stored)
    assert read(driver, "a/object", 2 * FRAME, 2 * FRAME) == whole[2 * FRAME : 4 * FRAME]
    assert read(driver, "a/object", 2 * FRAME + 1, 9) == whole[2 * FRAME + 1 : 2 * FRAME + 10]
    with pytest.raises(Damaged, match="frame 1"):
        driver.get("a/object", 2 * FRAME - 1, 2)
    with pytest.raises(Damaged, match="frame 4"):
        read(driver, "a/object", 3 * FRAME, FRAME + 1)


def test_few_calls_of_the_inner_driver(memory: MemoryDriver, driver: EncryptedDriver) -> None:
    driver.put("a/object", [content(3 * FRAME)])
    memory.calls.clear()
    read(driver, "a/object")
    assert memory.calls == ["get"]
    memory.calls.clear()
    read(driver, "a/object", FRAME, 10)
    assert memory.calls == ["get", "get"]
    memory.calls.clear()
    read(driver, "a/object", FRAME, 10)
    read(driver, "a/object", 2 * FRAME)
    driver.stat("a/object")
    assert memory.calls == ["get", "get", "stat"]


def test_a_remembered_header_does_not_hide_a_replacement(
    memory: MemoryDriver, driver: EncryptedDriver, keyring: LocalKeyring, key_id: str
) -> None:
    """Another process may put, move or delete."""
    other = EncryptedDriver(memory, keyring, key_id)
    for version in range(3):
        whole = content(2 * FRAME + version * 10, version)
        other.put("a/object", [whole])
        assert read(driver, "a/object", FRAME + 3, 40) == whole[FRAME + 3 : FRAME + 43]
        assert driver.stat("a/object").size == len(whole)
    other.delete("a/object")
    for call in (driver.stat, lambda path: driver.get(path, 5)):
        with pytest.raises(ObjectNotFound):
            call("a/object")


def test_a_range_read_beside_replacements_is_of_one_whole_object(
    memory: MemoryDriver, driver: EncryptedDriver, keyring: LocalKeyring, key_id: str
) -> None:
    other = EncryptedDriver(memory, keyring, key_id)
    versions = [content(2 * FRAME + n, n) for n in range(3)]
    other.put("a/object", [versions[0]])

    def replaced() -> None:
        for _ in range(20):
            for version in versions:
                other.put("a/object", [version])

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(replaced)
        slices = [version[FRAME - 9 : FRAME + 9] for version in versions]
        while not writer.done():
            assert read(driver, "a/object", FRAME - 9, 18) in slices
        writer.result()


def test_swapped_objects_are_damage(memory: MemoryDriver, driver: EncryptedDriver) -> None:
    driver.put("a/one", [b"1"])
    driver.put("a/two", [b"2"])
    read(driver, "a/one", 0, 1)
    memory.objects["a/one"] = memory.objects["a/two"]
    for call in (driver.get, lambda path: driver.get(path, 0, 1)):
        with pytest.raises(Damaged, match="stored as one is another one, two"):
            call("a/one")


def test_an_object_of_another_key_is_damage(
    memory: MemoryDriver, driver: EncryptedDriver, keyring: LocalKeyring
) -> None:
    other = EncryptedDriver(memory, keyring, keyring.create("other").key_id)
    driver.put("a/object", [b"1"])
    for call in (other.get, other.stat, lambda path: other.get(path, 0, 1)):
        with pytest.raises(Damaged, match="under another key"):
            call("a/object")


def test_a_header_that_names_a_key_it_is_not_sealed_under_is_damage(
    memory: MemoryDriver, driver: EncryptedDriver, keyring: LocalKeyring, key_id: str
) -> None:
    other_id = keyring.create("other").key_id
    driver.put("a/object", [b"1"])
    stored = memory.objects["a/object"]
    memory.objects["a/object"] = stored.replace(key_id.encode(), other_id.encode())
    with pytest.raises(Damaged, match=other_id):
        EncryptedDriver(memory, keyring, other_id).get("a/object")


@pytest.mark.parametrize("stored", [b"", b"MOORAGE", b"plain text, longer than a header is"])
def test_what_is_not_encrypted_is_damage(
    memory: MemoryDriver, driver: EncryptedDriver, stored: bytes
) -> None:
    memory.objects["a/object"] = stored
    for call in (driver.get, driver.stat, lambda path: driver.get(path, 0, 1)):
        with pytest.raises(Damaged):
            call("a/object")
    assert memory.open == 0


def test_stat_refuses_a_length_that_no_object_has(
    memory: MemoryDriver, driver: EncryptedDriver
) -> None:
    driver.put("a/object", [content(FRAME)])
    memory.objects["a/object"] = memory.objects["a/object"][:-1]
    with pytest.raises(Damaged, match="cut off"):
        driver.stat("a/object")


def test_a_disabled_key_opens_and_seals_nothing(
    memory: MemoryDriver, driver: EncryptedDriver, keyring: LocalKeyring, key_id: str
) -> None:
    driver.put("a/object", [b"x"])
    read(driver, "a/object")
    keyring.disable(key_id)
    for call in (driver.get, lambda path: driver.put(path, [b"y"])):
        with pytest.raises(KeyUnavailable, match="disabled"):
            call("a/object")
    keyring.enable(key_id)
    assert read(driver, "a/object") == b"x"
    with pytest.raises(KeyNotFound):
        EncryptedDriver(memory, keyring, "nobody").put("a/other", [b"y"])
    assert [*memory.objects] == ["a/object"]


def test_rotation_keeps_objects_readable(
    driver: EncryptedDriver, keyring: LocalKeyring, key_id: str
) -> None:
    driver.put("a/old", [b"old"])
    keyring.rotate(key_id)
    driver.put("a/new", [b"new"])
    assert (read(driver, "a/old"), read(driver, "a/new")) == (b"old", b"new")


def test_a_sealed_value_is_no_object(
    memory: MemoryDriver, driver: EncryptedDriver, keyring: LocalKeyring, key_id: str
) -> None:
    memory.objects["a/object"] = Sealer(keyring, key_id).seal(b"x", "object")
    with pytest.raises(Damaged):
        driver.get("a/object")


@pytest.mark.parametrize("chunk", [1, 7, 190, 65536])
def test_the_inner_driver_may_give_buffers_of_any_size(
    keyring: LocalKeyring, key_id: str, chunk: int
) -> None:
    memory = MemoryDriver(chunk)
    driver = EncryptedDriver(memory, keyring, key_id, frame_size=1000)
    whole = content(4321)
    driver.put("a/object", [whole])
    assert read(driver, "a/object") == whole
    assert read(driver, "a/object", 999, 1002) == whole[999:2001]


def test_a_reader_left_alone_lets_go(memory: MemoryDriver, driver: EncryptedDriver) -> None:
    driver.put("a/object", [content(16 * FRAME)])
    for steps in range(3):
        reader = driver.get("a/object")
        for _ in range(steps):
            next(reader)
        assert memory.open == 1
        reader.close()
        assert memory.open == 0
