"""Connections, transactions, and a cheap way to know that nothing has changed.

SQLite in WAL mode, `synchronous=FULL`: a committed transaction survives a power cut.
Sources: sqlite.org/wal.html, sqlite.org/pragma.html#pragma_data_version.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError

from registry.values.errors import Damaged, StorageFull, StorageUnavailable, Vanished

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator
    from pathlib import Path

T = TypeVar("T")
BUSY_SECONDS = 30
CACHE_BYTES = 32 * 1024 * 1024
_FULL = ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE")
"""The second: no room for the index of the write-ahead log, which even a reader needs."""
_PASSING = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")


def _row(_answer: object) -> int:
    return 512


class Database:
    """The metadata store of one server, shared by all its threads.

    Raises StorageFull and StorageUnavailable where SQLite reports so, and Vanished for a row
    whose owner was deleted in the meantime.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.engine = sa.create_engine(
            f"sqlite:///{path}",
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
            pool_size=16,
            max_overflow=64,
        )
        sa.event.listen(self.engine, "connect", _prepare)
        self._writer = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection that sees one consistent state until the block ends."""
        with _typed_errors(), self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction: durable when the block ends, undone if it raises.

        Writers take turns, so what is read inside stays true until the commit.
        """
        with _typed_errors(), self._writer, self.engine.connect() as connection, _one(connection):
            yield connection

    @contextmanager
    def alter(self) -> Iterator[sa.Connection]:
        """As `write`, to change the tables themselves.

        Foreign keys are looked at as it ends, not before: a table that is made anew, and whose
        old one is dropped, takes nothing with it that hangs on its rows. Source: SQLite, "Making
        Other Kinds Of Table Schema Changes". Raises Damaged where a row is left without its own.
        """
        with _typed_errors(), self._writer, self.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")  # not heeded in a transaction
            try:
                with _one(connection):
                    yield connection
                    if lost := connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                        raise Damaged(f"a row of {lost[0]} belongs to none of {lost[2]}")
            finally:
                connection.exec_driver_sql("PRAGMA foreign_keys = ON")

    def watch(self) -> sa.PoolProxiedConnection:
        """A connection for `PRAGMA data_version`, which must not commit anything itself."""
        with _typed_errors():
            self.engine.connect().close()
        return self.engine.raw_connection()

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()


class Cache:
    """Answers read from the database, kept only while nothing in it has changed.

    Any commit by any process empties the cache at the next look: what a caller gets was
    true at some moment after it asked. The cost is one `PRAGMA data_version`, 3 µs.
    """

    def __init__(self, database: Database, budget: int = CACHE_BYTES) -> None:
        self._budget = budget
        self._lock = threading.Lock()
        self._watch = database.watch()
        self._cursor = self._watch.cursor()
        self._version: int | None = None
        self._found: dict[Hashable, Any] = {}
        self._used = 0

    def get(self, key: Hashable, load: Callable[[], T], *, weight: Callable[[T], int] = _row) -> T:
        """The cached answer for `key`, or what `load` finds now. Exceptions are not kept.

        `weight` tells about how many bytes an answer takes; all together stay under the budget.
        """
        found = self._current()
        try:
            answer: T = found[key]
        except KeyError:
            answer = load()
            self._keep(found, key, answer, weight(answer))
        return answer

    def _keep(self, found: dict[Hashable, Any], key: Hashable, answer: object, cost: int) -> None:
        with self._lock:
            if found is not self._found:
                return
            if self._used + cost > self._budget:
                found.clear()
                self._used = 0
            if cost <= self._budget // 8:
                found[key] = answer
                self._used += cost

    def _current(self) -> dict[Hashable, Any]:
        # Asked before `load` reads: an answer can only be newer than the version it is kept
        # under, and then the next look throws it away.
        with self._lock:
            version = self._cursor.execute("PRAGMA data_version").fetchone()[0]
            if version != self._version:
                self._version, self._found, self._used = version, {}, 0
            return self._found

    def close(self) -> None:
        """Let go of the watching connection."""
        self._watch.close()


def _prepare(connection: Any, _record: object) -> None:
    # Transactions are begun by hand, above: the driver's own habit opens them late.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"busy_timeout = {BUSY_SECONDS * 1000}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@contextmanager
def _one(connection: sa.Connection) -> Iterator[None]:
    """One transaction of a writer."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


@contextmanager
def _typed_errors() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        if getattr(error.orig, "sqlite_errorname", "") == "SQLITE_CONSTRAINT_FOREIGNKEY":
            raise Vanished("what this belongs to was deleted in the meantime") from error
        raise
    except OperationalError as error:
        name = getattr(error.orig, "sqlite_errorname", "")
        if name in _FULL:
            raise StorageFull("the metadata store has no space left") from error
        if name.startswith(_PASSING):
            raise StorageUnavailable(f"the metadata store does not answer: {error.orig}") from error
        raise
