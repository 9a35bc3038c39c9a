"""The filesystem driver: the law, and what is the disk's own."""

from __future__ import annotations

import errno
import gc
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.storage.driver import Driver
from registry.storage.filesystem import FilesystemDriver
from registry.values.errors import (
    Damaged,
    ObjectNotFound,
    StorageFull,
    StorageUnavailable,
)
from tests.storage.driver_suite import Boom, DriverSuite, content, failing, pieces, read

MIB = 1 << 20


class TestFilesystem(DriverSuite):
    @pytest.fixture
    def driver(self, tmp_path: Path) -> Driver:
        return FilesystemDriver(tmp_path / "data")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def driver(root: Path) -> FilesystemDriver:
    return FilesystemDriver(root)


def left_on_disk(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


# What is on the disk


def test_objects_are_their_owners_alone(driver: FilesystemDriver, root: Path) -> None:
    driver.put("a/b/object", [b"x"])
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [root, *root.rglob("*")]}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_empty_directories_are_pruned(driver: FilesystemDriver, root: Path) -> None:
    driver.put("a/b/c/one", [b"x"])
    driver.put("a/two", [b"x"])
    driver.move("a/b/c/one", "d/one")
    assert left_on_disk(root) == [".tmp", "a", "a/two", "d", "d/one"]
    driver.delete("a/two")
    driver.delete("d/one")
    assert left_on_disk(root) == [".tmp"]


def test_a_second_driver_finds_what_the_first_one_stored(
    driver: FilesystemDriver, root: Path
) -> None:
    driver.put("a/object", [b"x"])
    assert read(FilesystemDriver(root), "a/object") == b"x"


def test_drafts_are_out_of_reach(driver: FilesystemDriver, root: Path) -> None:
    (root / ".tmp" / "leftover").write_bytes(b"half")
    assert [*driver.list("")] == []
    calls: list[Callable[[], object]] = [
        lambda: driver.get(".tmp/leftover"),
        lambda: driver.stat(".tmp/leftover"),
        lambda: driver.put(".tmp/leftover", [b"x"]),
        lambda: driver.delete(".tmp/leftover"),
        lambda: driver.move(".tmp/leftover", "a/leftover"),
        lambda: driver.list(".tmp"),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="path"):
            call()


def test_clean_removes_drafts_alone(driver: FilesystemDriver, root: Path) -> None:
    driver.put("a/object", [b"x"])
    for number in range(3):
        (root / ".tmp" / f"leftover{number}").write_bytes(b"half")
    assert driver.clean() == 3
    assert left_on_disk(root) == [".tmp", "a", "a/object"]
    assert driver.clean() == 0


def test_a_name_longer_than_a_disk_takes(driver: FilesystemDriver) -> None:
    driver.put("a/" + "x" * 255, [b"x"])
    with pytest.raises(ValueError, match="disk can hold"):
        driver.put("a/" + "x" * 256, [b"x"])


def test_a_link_is_not_an_object(driver: FilesystemDriver, root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(ObjectNotFound):
        driver.stat("link")
    with pytest.raises(StorageUnavailable):
        driver.get("link")
    assert [*driver.list("")] == []


def open_descriptors() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


def test_nothing_stays_open(driver: FilesystemDriver) -> None:
    driver.put("a/object", pieces(content(3 * MIB)))
    driver.put("b/object", [b"x"])
    gc.collect()
    before = open_descriptors()
    driver.get("a/object").close()
    begun, dropped = driver.get("a/object"), driver.get("a/object")
    next(begun)
    begun.close()
    del dropped
    listing = driver.list("")
    next(listing)
    with pytest.raises(ValueError, match="offset"):
        driver.get("a/object", 4 * MIB)
    with pytest.raises(ObjectNotFound):
        driver.get("a")
    with pytest.raises(Boom):
        driver.put("a/object", failing([b"x"], Boom()))
    gc.collect()
    assert open_descriptors() == before


# Durability


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, root: Path) -> list[str]:
    """What is asked of the disk, in order: syncs (by path) and renames."""
    seen: list[str] = []
    fsync, rename = os.fsync, os.rename

    def name(path: object) -> str:
        shown = Path(str(path)).relative_to(root)
        return ".tmp/draft" if shown.parent.name == ".tmp" else str(shown)

    def recorded_fsync(descriptor: int) -> None:
        fsync(descriptor)
        seen.append(f"sync {name(Path(f'/proc/self/fd/{descriptor}').readlink())}")

    def recorded_rename(source: Path, target: Path) -> None:
        rename(source, target)
        seen.append(f"rename {name(source)} {name(target)}")

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(os, "rename", recorded_rename)
    return seen


def test_put_syncs_the_content_then_the_names(driver: FilesystemDriver, calls: list[str]) -> None:
    driver.put("a/b/object", [b"x"])
    assert calls == [
        "sync .tmp/draft",
        "sync .",
        "sync a",
        "rename .tmp/draft a/b/object",
        "sync a/b",
    ]
    calls.clear()
    driver.put("a/b/other", [b"x"])
    assert calls == ["sync .tmp/draft", "rename .tmp/draft a/b/other", "sync a/b"]


def test_move_syncs_the_target_before_the_source(
    driver: FilesystemDriver, calls: list[str]
) -> None:
    driver.put("a/object", [b"x"])
    calls.clear()
    driver.move("a/object", "b/object")
    assert calls == ["sync .", "rename a/object b/object", "sync b", "sync a"]


def refuse(monkeypatch: pytest.MonkeyPatch, kind: Callable[[int], bool], number: int) -> None:
    """Make fsync fail for files of a kind."""
    fsync = os.fsync

    def failing_fsync(descriptor: int) -> None:
        if kind(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", failing_fsync)


@pytest.mark.parametrize("kind", [stat.S_ISREG, stat.S_ISDIR])
@pytest.mark.parametrize("directory", ["", "a"])
def test_what_cannot_be_synced_is_not_there(
    driver: FilesystemDriver,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: Callable[[int], bool],
    directory: str,
) -> None:
    driver.put("a/first", [b"x"])
    refuse(monkeypatch, kind, errno.EIO)
    with pytest.raises(StorageUnavailable, match="Input/output error"):
        driver.put(f"{directory}/object".lstrip("/"), [b"x"])
    assert [*driver.list("")] == ["a/first"]
    assert [*(root / ".tmp").iterdir()] == []


def test_a_replacement_that_cannot_be_synced_takes_nothing_away(
    driver: FilesystemDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.put("a/object", [b"before"])
    refuse(monkeypatch, stat.S_ISDIR, errno.EIO)
    with pytest.raises(StorageUnavailable):
        driver.put("a/object", [b"after"])
    assert read(driver, "a/object") in {b"before", b"after"}


# The disk fails


def test_an_object_cut_under_a_reader(driver: FilesystemDriver, root: Path) -> None:
    driver.put("a/object", pieces(content(3 * MIB)))
    reader = driver.get("a/object")
    next(reader)
    os.truncate(root / "a" / "object", MIB + 5)
    with pytest.raises(Damaged, match="a/object"):
        b"".join([*reader])


def test_a_disk_that_is_gone_is_not_an_empty_one(driver: FilesystemDriver, root: Path) -> None:
    driver.put("a/object", [b"x"])
    shutil.rmtree(root)
    calls: list[Callable[[], object]] = [
        lambda: driver.put("a/object", [b"x"]),
        lambda: driver.get("a/object"),
        lambda: driver.stat("a/object"),
        lambda: driver.move("a/object", "b/object"),
        lambda: [*driver.list("")],
        lambda: [*driver.list("a")],
        driver.clean,
    ]
    for call in calls:
        with pytest.raises(StorageUnavailable) as raised:
            call()
        assert str(root) not in str(raised.value)


def test_a_root_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageUnavailable, match="making the storage directory"):
        FilesystemDriver(tmp_path / "file" / "data")


def test_a_full_disk(small_disk: Path) -> None:
    driver = FilesystemDriver(small_disk / "data")
    driver.put("a/first", pieces(content(MIB)))
    for path in ("a/object", "b/object", "a/first"):
        with pytest.raises(StorageFull, match="No space left"):
            driver.put(path, pieces(content(5 * MIB)))
    assert left_on_disk(small_disk / "data") == [".tmp", "a", "a/first"]
    assert read(driver, "a/first") == content(MIB)
    driver.put("a/object", pieces(content(2 * MIB)))
    assert read(driver, "a/object") == content(2 * MIB)


LIMITED = """
import resource, sys
from pathlib import Path
from registry.storage.filesystem import FilesystemDriver
from registry.values.errors import StorageFull
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
driver = FilesystemDriver(Path(sys.argv[1]))
driver.put("a/fits", [bytes(1 << 20)])
try:
    driver.put("a/object", [bytes(1000)] * 1100)
except StorageFull as error:
    print(error)
"""


def test_a_file_that_may_not_grow(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(root)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "no room on the disk while writing an object: File too large\n"
    assert left_on_disk(root) == [".tmp", "a", "a/fits"]
