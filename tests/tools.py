"""Programs that tests drive: found, or the test is skipped with a reason (fails under CI)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


def require_tool(name: str) -> Path:
    """The program's path, from PATH, `$MOORAGE_TOOLS/bin` or the project's `.tools/bin`.

    A missing one skips the test on a user's machine and fails it where `CI` is set, so that a
    lost installation step cannot pass as green.
    """
    found = find_tool(name)
    if found is not None:
        return found
    reason = f"{name} is not installed (PATH, $MOORAGE_TOOLS/bin, .tools/bin); see .ci/run"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def find_tool(name: str) -> Path | None:
    """The program's path, or None."""
    folders = [PROJECT / ".tools" / "bin"]
    if tools := os.environ.get("MOORAGE_TOOLS"):
        folders.insert(0, Path(tools) / "bin")
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), *map(str, folders)])
    found = shutil.which(name, path=search)
    return Path(found) if found else None
