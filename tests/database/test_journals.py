"""A database of the first schema gets the table of journals, and keeps what it has."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from alembic import command

from registry.database import migrate
from registry.database.database import Database
from registry.database.schema import accounts, event_deliveries, event_targets, journals

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TARGET = {
    "id": 7,
    "account": "123456789012",
    "region": "us-east-1",
    "name": "ear",
    "url": "https://hooks.example/in",
    "secret": b"sealed",
    "detail_types": [],
    "actions": ["PULL"],
    "repositories": [],
    "created_at": NOW,
    "failures": 0,
}
DELIVERY = {"event_id": "one", "body": "{}", "created_at": NOW, "attempts": 3}


def test_a_database_of_the_first_schema_comes_through(tmp_path: Path) -> None:
    database = Database(tmp_path / "moorage.db")
    config = migrate.configuration()
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        assert not sa.inspect(connection).has_table("journals")
        connection.execute(sa.insert(accounts).values(id="123456789012", created_at=NOW))
        connection.execute(sa.insert(event_targets).values(TARGET))
        row = {**DELIVERY, "event_target_id": 7}
        connection.execute(sa.insert(event_deliveries).values(row))
    migrate.upgrade(database)
    with database.read() as connection:
        assert connection.execute(sa.select(accounts.c.id)).scalars().all() == ["123456789012"]
        (target,) = connection.execute(sa.select(event_targets)).all()
        assert {name: getattr(target, name) for name in TARGET} == TARGET
        (delivery,) = connection.execute(sa.select(event_deliveries)).all()
        assert {name: getattr(delivery, name) for name in DELIVERY} == DELIVERY
        assert connection.execute(sa.select(journals)).all() == []
    database.close()
