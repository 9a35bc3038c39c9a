"""Programs that tests drive: where they are, and what their absence means."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

PROJECT = Path(__file__).resolve().parent.parent


def find_tool(name: str) -> Path | None:
    """The program on PATH, in `$MOORAGE_TOOLS/bin` or in the project's `.tools/bin`."""
    places = [os.environ.get("PATH", os.defpath), str(PROJECT / ".tools" / "bin")]
    if tools := os.environ.get("MOORAGE_TOOLS"):
        places.insert(1, str(Path(tools) / "bin"))
    found = shutil.which(name, path=os.pathsep.join(places))
    return Path(found) if found else None


def require_tool(name: str) -> Path:
    """The program; where it is missing the test is skipped, but fails when `CI` is set."""
    if found := find_tool(name):
        return found
    missing(f"{name} is neither on PATH nor in $MOORAGE_TOOLS/bin nor in .tools/bin")


def missing(reason: str) -> NoReturn:
    """End the test for want of something: skipped with the reason, failed when `CI` is set."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
