"""What a database of an earlier release has in it comes through each migration whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command

from registry.database import migrate
from registry.database.database import Database

ROWS: dict[str, dict[str, Any]] = {
    "repositories": {
        "id": 7, "account": "123456789012", "region": "us-east-1", "name": "a", "bytes": 5,
        "mutability": "MUTABLE", "mutability_exclusions": "[]", "encryption_type": "AES256",
        "key_id": "k", "scan_on_push": False, "resource_tags": "{}", "created_at": 1,
    },
    "images": {
        "id": 9, "repository_id": 7, "digest": "sha256:a", "media_type": "m", "size": 3,
        "manifest": b"{}", "key_id": "k", "pushed_at": 2, "status": "ACTIVE", "subject": "sha256:b",
    },
    "orphans": {"image_id": 9, "repository_id": 7, "since": 3},
}  # fmt: skip


def first(database: Database) -> None:
    """The tables of the first release, with a row in some of them."""
    config = migrate.configuration()
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for name, values in ROWS.items():
            columns: list[Any] = [sa.column(each) for each in values]
            connection.execute(sa.insert(sa.table(name, *columns)).values(**values))


def test_what_was_left_behind_by_then_are_referrers(tmp_path: Path) -> None:
    database = Database(tmp_path / "moorage.db")
    first(database)
    migrate.upgrade(database)
    with database.read() as connection:
        for name, values in ROWS.items():
            columns: list[Any] = [sa.column(each) for each in values]
            row = connection.execute(sa.select(*columns).select_from(sa.table(name))).one()
            assert dict(row._mapping) == values
        assert connection.exec_driver_sql("SELECT child FROM orphans").scalar() == 0
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
        indexes = connection.exec_driver_sql("PRAGMA index_list('orphans')").all()
    assert len(indexes) == 2
    database.close()
