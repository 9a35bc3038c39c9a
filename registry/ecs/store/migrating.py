"""Where the migrations of `ecs.db` are."""

from __future__ import annotations

from pathlib import Path

from registry.database.migrate import Migrations

ECS = Migrations(Path(__file__).parent / "migrations", "0001")
"""With the newest revision; a test compares it with the migrations there are."""
