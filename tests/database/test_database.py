from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from registry.database import migrate
from registry.database.database import Cache, Database
from registry.database.schema import Instant, access_keys, accounts, tags, users
from registry.values.errors import Damaged, StorageFull, StorageUnavailable, Vanished

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "moorage.db")
    migrate.upgrade(opened)
    with opened.write() as connection:
        connection.execute(sa.insert(accounts).values(id="1", created_at=NOW))
    yield opened
    opened.close()


def add(connection: sa.Connection, name: str) -> None:
    row = {"id": name, "account": "1", "name": name, "active": True, "created_at": NOW}
    row |= {"path": "/", "tags": {}}
    connection.execute(sa.insert(users).values(row))


def _add_and_fail(connection: sa.Connection) -> None:
    add(connection, "ada")
    raise KeyError


def fill(connection: sa.Connection) -> None:
    connection.exec_driver_sql("PRAGMA max_page_count = 1")
    for number in range(2000):
        add(connection, f"{number:0100}")


def names(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(sa.select(users.c.id).order_by(users.c.id)).scalars())


def test_a_block_that_raises_is_undone(database: Database) -> None:
    with pytest.raises(KeyError), database.write() as connection:
        _add_and_fail(connection)
    assert names(database) == []
    with database.write() as connection:
        add(connection, "ada")
    assert names(database) == ["ada"]


def test_a_reader_sees_one_state(database: Database) -> None:
    with database.read() as reader:
        count = sa.select(sa.func.count()).select_from(users)
        assert reader.execute(count).scalar() == 0
        with database.write() as writer:
            add(writer, "ada")
        assert reader.execute(count).scalar() == 0
    assert names(database) == ["ada"]


def test_commits_are_durable_by_setting(database: Database) -> None:
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_writers_take_turns_so_that_no_count_is_lost(database: Database) -> None:
    with database.write() as connection:
        add(connection, "0")
    other = Database(database.path)

    def count_up(through: Database) -> None:
        for _ in range(20):
            with through.write() as connection:
                value = int(connection.execute(sa.select(users.c.name)).scalar_one())
                connection.execute(sa.update(users).values(name=str(value + 1)))

    threads = [
        threading.Thread(target=count_up, args=(each,)) for each in (database, database, other)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert connection.execute(sa.select(users.c.name)).scalar_one() == "60"
    other.close()


def test_a_row_whose_owner_is_gone_has_vanished(database: Database) -> None:
    now = datetime.now(UTC)
    row = {"id": "k", "user_id": "none", "secret": b"", "active": True, "created_at": now}
    with pytest.raises(Vanished), database.write() as connection:
        connection.execute(sa.insert(access_keys).values(row))


def test_a_full_store_is_told(database: Database) -> None:
    with pytest.raises(StorageFull, match="no space"), database.write() as connection:
        fill(connection)
    with database.write() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    assert names(database) == []


def test_a_store_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    nowhere = Database(tmp_path / "none" / "moorage.db")
    with pytest.raises(StorageUnavailable), nowhere.read():
        pass
    with pytest.raises(StorageUnavailable):
        Cache(nowhere)


def test_other_faults_are_ours_and_stay_as_they_are(database: Database) -> None:
    with pytest.raises(sa.exc.OperationalError), database.read() as connection:
        connection.exec_driver_sql("SELECT nothing FROM nowhere")
    with database.write() as connection:
        add(connection, "ada")
    with pytest.raises(sa.exc.IntegrityError), database.write() as connection:
        add(connection, "ada")


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)))  # noqa: DTZ001 - made aware below
def test_instants_are_kept_to_the_microsecond(naive: datetime) -> None:
    moment = naive.replace(tzinfo=UTC)
    kind, dialect = Instant(), sa.create_engine("sqlite://").dialect
    stored = kind.process_bind_param(moment, dialect)
    found = kind.process_result_value(stored, dialect)
    assert found is not None
    assert abs((found - moment).total_seconds()) < 2e-6


def test_times_are_stored_and_found(database: Database) -> None:
    with database.write() as connection:
        add(connection, "ada")
    with database.read() as connection:
        assert connection.execute(sa.select(users.c.created_at)).scalar() == NOW
        assert connection.execute(sa.select(tags)).all() == []


class TestCache:
    @pytest.fixture
    def cache(self, database: Database) -> Iterator[Cache]:
        made = Cache(database, budget=8 * 1024)
        yield made
        made.close()

    def test_an_answer_is_kept_while_nothing_changes(self, cache: Cache) -> None:
        answers = iter([1, 2])
        assert [cache.get("k", lambda: next(answers)) for _ in range(3)] == [1, 1, 1]

    def test_any_commit_by_anybody_ends_it(self, database: Database, cache: Cache) -> None:
        answers = iter(range(9))

        def ask() -> int:
            return cache.get("k", lambda: next(answers))

        assert ask() == 0
        with database.write() as connection:
            add(connection, "ada")
        assert [ask(), ask()] == [1, 1]
        stranger = sqlite3.connect(database.path)
        stranger.execute("UPDATE users SET name = 'x'")
        stranger.commit()
        stranger.close()
        assert [ask(), ask()] == [2, 2]

    def test_what_was_read_before_a_commit_is_not_kept_after_it(
        self, database: Database, cache: Cache
    ) -> None:
        def slow() -> list[str]:
            before = names(database)
            with database.write() as connection:
                add(connection, "ada")
            return before

        assert cache.get("k", slow) == []
        assert cache.get("k", lambda: names(database)) == ["ada"]

    def test_an_exception_is_not_kept(self, cache: Cache) -> None:
        def fail() -> int:
            raise KeyError

        for _ in range(2):
            with pytest.raises(KeyError):
                cache.get("k", fail)
        assert cache.get("k", lambda: 1) == 1

    def test_none_is_an_answer(self, cache: Cache) -> None:
        assert cache.get("k", lambda: None) is None
        assert cache.get("k", lambda: 1) is None

    def test_it_stays_within_its_budget(self, cache: Cache) -> None:
        for number in range(100):
            cache.get(number, lambda: b"", weight=lambda _: 1000)
            assert cache._used <= 8 * 1024
        cache.get("large", lambda: 1, weight=lambda _: 2000)
        assert cache.get("large", lambda: 2) == 2


class TestAlter:
    """Changes to the tables themselves."""

    @pytest.fixture
    def tables(self, tmp_path: Path) -> Iterator[Database]:
        database = Database(tmp_path / "tables.db")
        with database.write() as connection:
            for text in (
                "CREATE TABLE parents (id INTEGER PRIMARY KEY)",
                "CREATE TABLE children (parent_id REFERENCES parents (id) ON DELETE CASCADE)",
                "INSERT INTO parents VALUES (1)",
                "INSERT INTO children VALUES (1)",
            ):
                connection.exec_driver_sql(text)
        yield database
        database.close()

    def children(self, database: Database) -> int:
        with database.read() as connection:
            return int(connection.exec_driver_sql("SELECT count(*) FROM children").scalar_one())

    def test_a_table_made_anew_takes_nothing_with_it(self, tables: Database) -> None:
        with tables.alter() as connection:
            connection.exec_driver_sql("CREATE TABLE new (id INTEGER PRIMARY KEY, more TEXT)")
            connection.exec_driver_sql("INSERT INTO new SELECT id, 'x' FROM parents")
            connection.exec_driver_sql("DROP TABLE parents")
            connection.exec_driver_sql("ALTER TABLE new RENAME TO parents")
        assert self.children(tables) == 1
        with tables.write() as connection:  # and they hang together as before
            connection.exec_driver_sql("DELETE FROM parents")
        assert self.children(tables) == 0

    def test_what_would_leave_a_row_without_its_own_is_undone(self, tables: Database) -> None:
        lost = pytest.raises(Damaged, match="children belongs to none of parents")
        with lost, tables.alter() as connection:
            connection.exec_driver_sql("DELETE FROM parents")
        with tables.read() as connection:
            assert connection.exec_driver_sql("SELECT id FROM parents").scalar() == 1
        with tables.write() as connection:
            connection.exec_driver_sql("DELETE FROM parents")
        assert self.children(tables) == 0
