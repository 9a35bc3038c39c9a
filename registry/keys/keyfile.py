"""The file a keyring lives in: read by many, changed by one at a time, never half written.

Readers take no lock: a change is a whole new file renamed into place. Writers of all
processes take turns by `flock` on a file beside it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from registry.keys.filesealing import FileSealing, sealed_by
from registry.keys.ring import Ring
from registry.keys.ringjson import decode, encode
from registry.values.errors import Damaged, KeyUnavailable

_OTHERS = 0o077


class Signature(NamedTuple):
    """What tells one state of the file from the next."""

    inode: int
    size: int
    modified: int
    """In nanoseconds. A writer makes it greater than its predecessor's, so that neither a
    coarse clock nor an inode used again can make two states look alike."""
    changed: int
    """In nanoseconds; a change of mode or owner shows here only."""


class KeyFile:
    """The keyring file at `path`. Every failure is a KeyUnavailable that names the file.

    With `sealing` what is written is sealed, and what is sealed can be read.
    """

    def __init__(self, path: Path, sealing: FileSealing | None = None) -> None:
        self.path = path
        self._sealing = sealing
        self._text_path = os.fspath(path)
        self._lock_path = path.with_name(path.name + ".lock")
        self._new_path = path.with_name(path.name + ".new")

    def signature(self) -> Signature:
        """Of the file as it is now; one system call."""
        try:
            return _signature(os.stat(self._text_path))  # noqa: PTH116 - on every request; Path costs as much again
        except OSError as error:
            raise self._failure("cannot be found", error) from None

    def read(self) -> tuple[Signature, Ring]:
        """The keyring and the signature of what was read."""
        try:
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                text = file.read()
        except OSError as error:
            raise self._failure("cannot be read", error) from None
        if status.st_mode & _OTHERS:
            raise KeyUnavailable(
                f"the keyring {self.path.name} is open to other users"
                f" (mode {status.st_mode & 0o777:04o}); it must be 0600"
            )
        ring = decode(self._opened(text))
        if ring is None:
            raise KeyUnavailable(f"the keyring {self.path.name} is damaged or not a keyring")
        return _signature(status), ring

    def protect(self) -> None:
        """Seal a file that is still in clear, where there is something to seal it with."""
        if self._sealing is None:
            return
        with self._locked():
            signature, ring = self.read()
            if sealed_by(self._text()) is None:
                self._write(ring, after=signature.modified)

    def create(self, make: Callable[[], Ring]) -> None:
        """Write a first keyring, unless there is one."""
        with self._locked():
            if not self.path.exists():
                self._write(make(), after=0)

    def change(self, change: Callable[[Ring], Ring]) -> Ring:
        """Replace the keyring by what `change` makes of it; nobody else's change is lost.

        Durable on return. Where `change` raises, everything is as before.
        """
        with self._locked():
            signature, ring = self.read()
            changed = change(ring)
            if changed != ring:
                self._write(changed, after=signature.modified)
            return changed

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            lock = _private(self._lock_path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise self._failure("cannot be locked", error) from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
            except OSError as error:
                raise self._failure("cannot be locked", error) from None
            yield

    def _write(self, ring: Ring, after: int) -> None:
        """The caller holds the lock, so one name serves every writer and a crash leaves one."""
        text = encode(ring) if self._sealing is None else self._sealing.seal(encode(ring))
        try:
            self._new_path.unlink(missing_ok=True)
            with _private(self._new_path, os.O_RDWR | os.O_CREAT | os.O_EXCL) as file:
                file.write(text)
                file.flush()
                status = os.fstat(file.fileno())
                modified = max(status.st_mtime_ns, after + 1)
                os.utime(file.fileno(), ns=(status.st_atime_ns, modified))
                os.fsync(file.fileno())
            self._new_path.replace(self.path)
            _sync_directory(self.path.parent)
        except OSError as error:
            raise self._failure("cannot be written", error) from None

    def _text(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise self._failure("cannot be read", error) from None

    def _opened(self, text: bytes) -> bytes:
        key = sealed_by(text)
        if key is None:
            return text
        if self._sealing is None:
            raise KeyUnavailable(
                f"the keyring {self.path.name} is sealed under {key}: start with key_provider = aws"
            )
        try:
            return self._sealing.open(text)
        except Damaged as error:
            raise KeyUnavailable(f"the keyring {self.path.name}: {error}") from None

    def _failure(self, what: str, error: OSError) -> KeyUnavailable:
        return KeyUnavailable(f"the keyring {self.path.name} {what}: {error.strerror}")


def _signature(status: os.stat_result) -> Signature:
    return Signature(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _private(path: Path, flags: int) -> BinaryIO:
    return os.fdopen(os.open(path, flags, 0o600), "rb+")


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
