"""The filesystem driver: the law, and what is the disk's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.storage.driver import Driver
from registry.storage.filesystem import FilesystemDriver
from tests.storage.driver_suite import DriverSuite


class TestFilesystem(DriverSuite):
    @pytest.fixture
    def driver(self, tmp_path: Path) -> Driver:
        return FilesystemDriver(tmp_path / "data")
