"""What every driver that touches a local file shares: whole writes and typed failures."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from registry.storage.driver import Buffer
from registry.values.errors import StorageFull, StorageUnavailable

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def write_all(descriptor: int, buffer: Buffer) -> int:
    """Write every byte of the buffer, however short each write falls; their number."""
    view = memoryview(buffer).cast("B")
    size = len(view)
    while view:
        view = view[os.write(descriptor, view) :]
    return size


@contextmanager
def disk_failures(doing: str) -> Iterator[None]:
    """Turn an OSError into StorageFull or StorageUnavailable, saying what was being done.

    The message keeps the system's own words but not its paths.
    """
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        if error.errno in _NO_ROOM:
            raise StorageFull(f"no room on the disk while {doing}: {reason}") from error
        raise StorageUnavailable(f"the disk failed while {doing}: {reason}") from error
