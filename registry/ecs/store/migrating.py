"""Where the migrations of `ecs.db` are."""

from __future__ import annotations

from pathlib import Path

from registry.database.revisions import Migrations
from registry.ecs.store.tables import metadata

ECS = Migrations(Path(__file__).parent / "migrations", "0001", metadata)
"""With the newest revision; a test compares it with the migrations there are."""
