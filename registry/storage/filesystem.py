"""Objects as files below one directory.

    root/                  0700
    ├── .tmp/<random>      objects on their way; never listed, removed by `clean`
    └── a/b/<name>         the object "a/b/<name>", 0600

A directory exists while it holds something: `put` and `move` make those they need, `delete`
and `move` prune those they empty, and whoever loses that race makes them again.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from registry.storage.driver import Buffer, Stat, checked, checked_move
from registry.storage.files import disk_failures, write_all
from registry.values.errors import Damaged, ObjectNotFound, StorageUnavailable, Unavailable

READ_SIZE = 1 << 19
WRITEBACK_SIZE = 8 << 20
PART_MAX = 255
RACES_MAX = 100
_DRAFTS = ".tmp"
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class FilesystemDriver:
    """A `Driver` over the files below `root`, which is made if it is not there.

    A path whose first part is `.tmp`, or with a part over 255 characters, is a ValueError.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._drafts = root / _DRAFTS
        with disk_failures("making the storage directory"):
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._drafts.mkdir(mode=0o700, exist_ok=True)

    def put(self, path: str, chunks: Iterable[Buffer]) -> int:
        """Store the chunks as one object, see `Driver`."""
        target = self._at(path)
        with _Draft(self._drafts) as draft:
            for chunk in chunks:
                draft.write(chunk)
            draft.sync()
            with disk_failures("storing an object"):
                replaces = target.exists()
                self._place(draft.file, target)
            draft.placed = True
        self._settle(target, replaces)
        return draft.size

    def get(
        self, path: str, offset: int = 0, length: int | None = None
    ) -> Generator[Buffer, None, None]:
        """Content from `offset`, in fresh buffers of up to 512 KiB, see `Driver`."""
        if offset < 0 or (length is not None and length < 0):
            raise ValueError(f"not a range: {offset} and {length} more")
        reader = self._read(path, offset, length)
        next(reader)  # opens the file; from here on closing the generator closes it
        return reader

    def stat(self, path: str) -> Stat:
        """Size of the object, see `Driver`."""
        with disk_failures("looking at an object"):
            try:
                found = self._at(path).lstat()
            except (FileNotFoundError, NotADirectoryError):
                raise self._not_found(path) from None
        if not stat.S_ISREG(found.st_mode):
            raise self._not_found(path)
        return Stat(found.st_size)

    def list(self, prefix: str) -> Iterator[str]:
        """Paths of the objects below a directory, "" for all of them, see `Driver`."""
        if prefix:
            self._at(prefix)
        return self._walk(prefix)

    def delete(self, path: str) -> None:
        """Remove the object and the directories that it leaves empty, see `Driver`."""
        target = self._at(path)
        with disk_failures("deleting an object"):
            try:
                target.unlink()
            except (FileNotFoundError, NotADirectoryError):
                return
            except (IsADirectoryError, PermissionError):
                if target.is_dir():  # what unlink says of one depends on the system
                    return
                raise
            self._prune(target.parent)

    def move(self, source: str, target: str) -> None:
        """Rename the object, see `Driver`."""
        checked_move(source, target)
        here, there = self._at(source), self._at(target)
        self.stat(source)
        with disk_failures("moving an object"):
            try:
                self._place(here, there)
            except FileNotFoundError:
                raise self._not_found(source) from None
            _sync_directory(there.parent)
            if here.parent != there.parent:
                _sync_directory(here.parent)
                self._prune(here.parent)

    def clean(self) -> int:
        """Remove what crashed processes left half written; the number of files.

        Only while no other process puts: a draft does not tell whose it is.
        """
        removed = 0
        with disk_failures("removing leftovers"):
            for draft in self._drafts.iterdir():
                draft.unlink(missing_ok=True)
                removed += 1
        return removed

    def _at(self, path: str) -> Path:
        parts = checked(path).split("/")
        if parts[0] == _DRAFTS or max(map(len, parts)) > PART_MAX:
            raise ValueError(f"not a path that a disk can hold: {path!r}")
        return self._root.joinpath(*parts)

    def _not_found(self, path: str) -> ObjectNotFound | StorageUnavailable:
        """The error for a missing file: an unmounted disk must not look like an empty one."""
        if self._drafts.is_dir():
            return ObjectNotFound(f"no object at {path}")
        return StorageUnavailable("the storage directory is gone")

    def _read(self, path: str, offset: int, length: int | None) -> Generator[Buffer, None, None]:
        descriptor, size = self._open(path)
        try:
            if offset > size:
                raise ValueError(f"offset {offset} is past the end of {path} at {size}")
            end = size if length is None else min(size, offset + length)
            yield b""
            while offset < end:
                with disk_failures("reading an object"):
                    # pread's fresh bytes beat preadv into a fresh bytearray, which is zeroed first.
                    chunk = os.pread(descriptor, min(READ_SIZE, end - offset), offset)
                if not chunk:
                    raise Damaged(f"the object at {path} ends at {offset} of {size} bytes")
                offset += len(chunk)
                yield chunk
        finally:
            os.close(descriptor)

    def _open(self, path: str) -> tuple[int, int]:
        with disk_failures("opening an object"):
            try:
                descriptor = os.open(self._at(path), _READ)
            except (FileNotFoundError, NotADirectoryError):
                raise self._not_found(path) from None
            found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            os.close(descriptor)
            raise self._not_found(path)
        return descriptor, found.st_size

    def _walk(self, prefix: str) -> Iterator[str]:
        directories = [prefix]
        while directories:
            directory = directories.pop()
            for entry in self._entries(directory):
                path = f"{directory}/{entry.name}" if directory else entry.name
                if path == _DRAFTS:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    directories.append(path)
                elif entry.is_file(follow_symlinks=False):
                    yield path

    def _entries(self, directory: str) -> tuple[os.DirEntry[str], ...]:
        """A directory read at once, so that a listing left half way holds nothing open."""
        with disk_failures("listing objects"):
            try:
                with os.scandir(self._root / directory) as entries:
                    return tuple(entries)
            except (FileNotFoundError, NotADirectoryError):
                if not self._drafts.is_dir():
                    raise
                return ()  # never there, or pruned since its parent was read

    def _place(self, source: Path, target: Path) -> None:
        """Rename, making the target's directories as often as a `delete` prunes them.

        Raises FileNotFoundError when it is the source that is missing.
        """
        for _ in range(RACES_MAX):
            with suppress(FileNotFoundError):
                self._make_directories(target.parent)
                source.rename(target)
                return
            source.lstat()
        raise StorageUnavailable("the directory of an object keeps vanishing")

    def _make_directories(self, directory: Path) -> None:
        """Make the directory and those above it, each one's entry synced in its parent."""
        missing = []
        while directory != self._root and not directory.is_dir():
            missing.append(directory)
            directory = directory.parent
        for new in reversed(missing):
            new.mkdir(mode=0o700, exist_ok=True)  # somebody else's may not be synced yet
            _sync_directory(new.parent)

    def _settle(self, target: Path, replaces: bool) -> None:
        """Make a new object's name durable; one that cannot be is taken back.

        A replacement stays: the old object is gone, and a whole new one is better than neither.
        """
        try:
            with disk_failures("storing an object"):
                _sync_directory(target.parent)
        except Unavailable:
            if not replaces:
                with suppress(OSError):
                    target.unlink()
            raise

    def _prune(self, directory: Path) -> None:
        with suppress(OSError):  # not empty, or pruned by somebody else
            while directory != self._root:
                directory.rmdir()
                directory = directory.parent


class _Draft:
    """A file being written in `.tmp`; gone at the end of the `with` unless it was placed."""

    def __init__(self, drafts: Path) -> None:
        self.file = drafts / secrets.token_hex(16)
        self.size = 0
        self.placed = False
        self._flushed = 0

    def __enter__(self) -> _Draft:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with disk_failures("starting an object"):
            self._descriptor = os.open(self.file, flags, 0o600)
        return self

    def write(self, chunk: Buffer) -> None:
        """Append, and every 8 MiB have the kernel start writing, so that `sync` waits less."""
        with disk_failures("writing an object"):
            self.size += write_all(self._descriptor, chunk)
            fresh = self.size - self._flushed
            if fresh >= WRITEBACK_SIZE and hasattr(os, "posix_fadvise"):
                os.posix_fadvise(self._descriptor, self._flushed, fresh, os.POSIX_FADV_DONTNEED)
                self._flushed = self.size

    def sync(self) -> None:
        with disk_failures("writing an object to the disk"):
            os.fsync(self._descriptor)

    def __exit__(self, *exception: object) -> None:
        with suppress(OSError):  # what matters was said by `sync`
            os.close(self._descriptor)
        if not self.placed:
            with suppress(OSError):
                self.file.unlink()


def _sync_directory(directory: Path) -> None:
    """Make the directory's entries durable; one deleted meanwhile has none to lose."""
    try:
        descriptor = os.open(directory, _DIRECTORY)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
