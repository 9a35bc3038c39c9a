"""Where faults are made: a folder in memory, and the S3 server of the storage tests."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage.conftest import (  # noqa: F401 - fixtures, asked for by their names
    bucket,
    proxy,
    s3,
    s3_port,
    standing_proxy,
)

pytest.register_assert_rewrite("tests.faults.stocktaking", "tests.faults.forked")

MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 768 << 20


@pytest.fixture
def quick_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is room, else on the disk.

    A kill of a process loses nothing that the kernel has, so a disk would only cost time here.
    """
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < MEMORY_NEEDED:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="moorage-faults-", dir=MEMORY) as folder:
        yield Path(folder)
