from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from registry.database.database import Database
from registry.domain.logs import tables
from registry.domain.logs.ending import Ending
from registry.domain.logs.tables import doomed_streams, log_blocks
from registry.values.errors import ParameterInvalid
from tests.application import Registry, loop, open_one, registry, template
from tests.identities import aws
from tests.logs.calls import now, put, said

__all__ = ["loop", "open_one", "registry", "template"]

DAY = 86_400_000


@pytest.fixture
def logs(registry: Registry) -> Any:
    return aws(registry, "logs")


def blocks(registry: Registry) -> int:
    with registry.ground.logs.read() as connection:
        found = connection.execute(sa.select(sa.func.count()).select_from(log_blocks)).scalar()
    return int(found or 0)


def made(logs: Any, group: str) -> dict[str, str]:
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    return {"logGroupName": group, "logStreamName": "s"}


def ending(registry: Registry, moment: int) -> Ending:
    return Ending(registry.ground.logs, registry.ground.database, lambda: moment)


def test_what_is_over_goes_and_the_rest_stays(registry: Registry, logs: Any) -> None:
    moment = now()
    kept, short, gone = (made(logs, name) for name in ("kept", "short", "gone"))
    for stream in (kept, short, gone):
        put(logs, stream, moment - 3 * DAY, ["old"])
        put(logs, stream, moment, ["new"])
    logs.put_retention_policy(logGroupName="short", retentionInDays=1)
    logs.delete_log_group(logGroupName="gone")
    assert blocks(registry) == 6
    ending(registry, moment).run(threading.Event())
    assert blocks(registry) == 3
    with registry.ground.logs.read() as connection:
        assert connection.execute(sa.select(doomed_streams)).all() == []
    assert said(logs.get_log_events(**kept)) == ["old", "new"]
    logs.delete_retention_policy(logGroupName="short")
    assert said(logs.get_log_events(**short)) == ["new"]
    sizes = {g["logGroupName"]: g["storedBytes"] for g in logs.describe_log_groups()["logGroups"]}
    assert sizes == {"kept": 2 * 29, "short": 29}


def test_it_goes_on_where_it_was_stopped(
    registry: Registry, logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.domain.logs.ending._AT_ONCE", 2)
    moment = now()
    stream = made(logs, "gone")
    for number in range(7):
        put(logs, stream, moment + number, ["x"])
    logs.delete_log_stream(**stream)
    stop = threading.Event()
    stop.set()
    ending(registry, moment).run(stop)
    assert blocks(registry) == 5
    ending(registry, moment).run(threading.Event())
    assert blocks(registry) == 0


def test_one_worker_does_it_and_not_too_often(registry: Registry, logs: Any) -> None:
    moment = now()
    ending(registry, moment).run(threading.Event())
    put(logs, made(logs, "gone"), moment, ["x"])
    logs.delete_log_group(logGroupName="gone")
    ending(registry, moment).run(threading.Event())  # finished a moment ago
    assert blocks(registry) == 1


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    database = Database(tmp_path / "logs.db")
    tables.upgrade(database)
    tables.upgrade(database)
    with database.write() as connection:
        connection.exec_driver_sql("PRAGMA user_version = 99")
    with pytest.raises(ParameterInvalid, match="newer Moorage"):
        tables.upgrade(database)
    database.close()
