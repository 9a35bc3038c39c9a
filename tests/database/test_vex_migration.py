"""A database of 0.1 with scans and gates comes through whole."""

from __future__ import annotations

import sqlalchemy as sa

from registry.database import migrate
from registry.database.database import Database
from registry.database.schema import accounts, gates, images, repositories, scan_settings, scans
from registry.domain.scanning.scans import state_of, state_query
from registry.domain.scanning.settings import ScanSettings, settings_of
from tests.database.test_migrations import insert, old

__all__ = ["old"]


def test_scans_and_gates_stay_as_they_were(old: Database) -> None:
    with old.write() as connection:
        insert(connection, repositories, id=1, account="1", region="r", name="app")
        insert(connection, images, id=1, repository_id=1, digest="sha256:1")
        counts = '{"HIGH": 2}'
        insert(connection, scans, image_id=1, status="COMPLETE", counts=counts, completed_at=5)
        insert(connection, accounts, id="1")
        insert(connection, gates, account="1", region="r", name="g", document="{}")
    migrate.upgrade(old)
    with old.read() as connection:
        state = state_of(connection.execute(state_query()).one())
        assert (state.status, state.counts, state.suppressed) == ("COMPLETE", {"HIGH": 2}, {})
        assert connection.execute(sa.select(gates.c.name)).scalars().all() == ["g"]
        assert settings_of(connection, 1) == ScanSettings()
        assert connection.execute(sa.select(scan_settings)).all() == []
