"""A small true database for the real Trivy."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

from tests.tools import require_tool

MADE = datetime(2026, 11, 1, tzinfo=UTC)


def build_database(cache: Path, made: datetime = MADE) -> Path:
    """Make the database in Trivy's cache directory `cache`; its folder."""
    folder = cache / "db"
    advisories = Path(__file__).with_name("advisories.json")
    subprocess.run([require_tool("trivydb"), advisories, folder, made.isoformat()], check=True)
    return folder
