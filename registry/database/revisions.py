"""What has to be known of a schema's migrations. Nothing here knows any schema."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Migrations:
    """The migrations of one schema."""

    folder: Path
    """Where alembic's `env.py` and `versions` are."""
    head: str
    """The newest revision."""
    tables: sa.MetaData
    """What all of them together make; a test compares both."""
