"""Programs that tests drive: found, or the test is skipped with a reason (fails under CI)."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

import pytest

PROJECT = Path(__file__).resolve().parent.parent


def require_tool(name: str) -> Path:
    """The program's path, from PATH, `$MOORAGE_TOOLS/bin` or the project's `.tools/bin`."""
    found = find_tool(name)
    if found is None:
        missing(f"{name} is not installed (PATH, $MOORAGE_TOOLS/bin, .tools/bin); see .ci/run")
    return found


def find_tool(name: str) -> Path | None:
    """The program's path, or None."""
    folders = [PROJECT / ".tools" / "bin", Path(sys.executable).parent]
    if tools := os.environ.get("MOORAGE_TOOLS"):
        folders.insert(0, Path(tools) / "bin")
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), *map(str, folders)])
    found = shutil.which(name, path=search)
    return Path(found) if found else None


def missing(reason: str) -> NoReturn:
    """End a test for want of what it needs.

    Skipped on a user's machine, failed where `CI` is set, so that a lost installation step
    cannot pass as green.
    """
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
