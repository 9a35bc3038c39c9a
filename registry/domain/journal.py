"""Journals: what a process must remember after it has answered and before the database has it.

A line goes to a file of the process's own, `DATA/journal/<random>`, with one write(2): what the
kernel has survives the end of the process, `kill -9` too. It is not asked to be on the disk, so
a power cut may lose what the kernel had not written yet, some seconds as a rule. The process
holds a lock on each of its files (flock(2)): a file that can be locked is one of a dead process,
and whoever locks it goes on with it.

A file that has reached its size is full and another one begun; it is deleted when everybody has
what they need of it. A file that the database knows something of is deleted before that is
forgotten, so that nothing of it is ever taken twice.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import threading
import uuid
from collections import deque
from collections.abc import Generator
from contextlib import closing, suppress
from pathlib import Path

FULL = 4 << 20
"""Bytes of a file after which another one is begun."""
CAPACITY = 10_000
"""Lines that wait in memory at most while the disk takes none; those over it are lost."""
_PIECE = 1 << 18

_log = logging.getLogger("moorage.journal")


class Page:
    """One file, locked by this process."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size
        """Bytes, up to the end of its last whole line where this process writes it."""
        self.read = 0
        """Bytes that were read and done with."""

    @property
    def name(self) -> str:
        """No other page ever has it."""
        return self.path.name

    def append(self, line: bytes) -> None:
        """Add a line, whole or not at all. Raises OSError."""
        written = os.write(self._descriptor, line)
        if written < len(line):
            os.ftruncate(self._descriptor, self.size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.size += written

    def unread(self) -> bytes:
        """The next whole lines; none where there are no more. Raises OSError.

        What a kill cut short at the end is no line.
        """
        while piece := os.pread(self._descriptor, _PIECE, self.read):
            piece = piece[: max(self.size - self.read, 0)]
            whole = piece.rfind(b"\n") + 1
            if whole or len(piece) < _PIECE:
                return piece[:whole]
            self.read += len(piece)  # a disk that lost power left something else here
        return b""

    def close(self) -> None:
        """Let go of it; whoever locks it next goes on with it."""
        os.close(self._descriptor)

    def delete(self) -> None:
        """Everything in it was done; it is still to be closed. Raises OSError."""
        self.path.unlink(missing_ok=True)


class Journal:
    """What this process writes, in the order of writing; and what dead ones left.

    `write` may be called by any thread, the rest by one at a time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._page: Page | None = None
        self._full: list[Page] = []
        self._waiting: deque[bytes] = deque()
        self._lost = 0
        self._writing = threading.Lock()

    def write(self, line: bytes) -> None:
        """Take a line, which ends with a line feed. Never raises.

        Where the disk does not take it, it waits in memory for the next `settle`.
        """
        with self._writing:
            if self._waiting or not self._written(line):
                self._keep(line)

    def settle(self) -> int:
        """Write what waits; how many lines were lost since the last time."""
        with self._writing:
            while self._waiting and self._written(self._waiting[0]):
                self._waiting.popleft()
            lost, self._lost = self._lost, 0
            return lost

    def turn(self) -> None:
        """Let the next line begin another page."""
        with self._writing:
            self._turn()

    def pages(self) -> tuple[list[Page], Page | None]:
        """This process's pages: those that are full, and the one that is written."""
        with self._writing:
            return list(self._full), self._page

    def left(self) -> Generator[Page, None, None]:
        """The pages of dead processes, each locked until the next is asked for."""
        for path in self._paths():
            page = None
            with suppress(OSError):
                page = _locked(path, os.O_RDWR)
            if page is not None:
                with closing(page):
                    yield page

    def delete(self, page: Page) -> None:
        """Delete one of this process's pages that is full. Raises OSError."""
        page.delete()
        page.close()
        with self._writing:
            self._full.remove(page)

    def names(self) -> set[str]:
        """Of all pages there are, of whichever process."""
        return {path.name for path in self._paths()}

    def _paths(self) -> list[Path]:
        try:
            return sorted(self._folder.iterdir())
        except OSError:
            return []  # nothing was ever written

    def _written(self, line: bytes) -> bool:
        try:
            if self._page is None:
                self._page = self._opened()
            self._page.append(line)
        except OSError as error:
            if not self._waiting:
                _log.error("the journal cannot be written: %s", error.strerror)
            return False
        if self._page.size >= FULL:
            self._turn()
        return True

    def _keep(self, line: bytes) -> None:
        if len(self._waiting) >= CAPACITY:
            self._lost += 1
        else:
            self._waiting.append(line)

    def _turn(self) -> None:
        if self._page is not None:
            self._full.append(self._page)
            self._page = None

    def _opened(self) -> Page:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND
        while True:
            page = _locked(self._folder / uuid.uuid4().hex, flags)
            if page is not None:
                return page  # else another process took it for one of a dead one


def _locked(path: Path, flags: int) -> Page | None:
    """The page at `path`, unless another process has it or has just deleted it. Raises OSError."""
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink:
            return Page(path, descriptor)
    except BlockingIOError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
