"""The tables of DATA/logs.db.

log_groups ── log_streams ── log_blocks     events, many in one row
doomed_streams                              whose blocks are still to be deleted

Times are whole milliseconds since 1970 UTC, as CloudWatch Logs has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from registry.database.database import Database

VERSION = 1
"""What `PRAGMA user_version` says of a database with these tables."""

metadata = sa.MetaData()


def _number() -> sa.Column[int]:
    return sa.Column("id", sa.Integer, primary_key=True)


log_groups = sa.Table(
    "log_groups",
    metadata,
    _number(),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("region", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("class", sa.Text, nullable=False, key="log_class"),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("retention_days", sa.Integer, comment="None: for ever"),
    sa.Column("kms_key", sa.Text, comment="its ARN, where somebody named one"),
    sa.Column("key_id", sa.Text, nullable=False, comment="of the master key"),
    sa.Column("seal", sa.Text, nullable=False, comment="the name that it is sealed as"),
    sa.Column("sealed_key", sa.LargeBinary, nullable=False),
    sa.Column("tags", sa.JSON, nullable=False),
    sa.Column("stored_bytes", sa.BigInteger, nullable=False),
    sa.Column("protected", sa.Boolean, nullable=False),
    sa.UniqueConstraint("account", "region", "name"),
    sqlite_autoincrement=True,
)

log_streams = sa.Table(
    "log_streams",
    metadata,
    _number(),
    sa.Column("group_id", sa.ForeignKey("log_groups.id", ondelete="CASCADE"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("first_event", sa.BigInteger),
    sa.Column("last_event", sa.BigInteger),
    sa.Column("last_ingestion", sa.BigInteger),
    sa.UniqueConstraint("group_id", "name"),
    sa.Index("ix_log_streams_last_event", "group_id", "last_event", "name"),
    sqlite_autoincrement=True,
)

log_blocks = sa.Table(
    "log_blocks",
    metadata,
    _number(),
    sa.Column("group_id", sa.BigInteger, nullable=False),
    sa.Column("stream_id", sa.BigInteger, nullable=False),
    sa.Column("first", sa.BigInteger, nullable=False, comment="the earliest timestamp in it"),
    sa.Column("last", sa.BigInteger, nullable=False, comment="the latest"),
    sa.Column("size", sa.BigInteger, nullable=False, comment="as CloudWatch Logs counts it"),
    sa.Column("ingested", sa.BigInteger, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False, comment="sealed under the group's key"),
    sa.Index("ix_log_blocks_stream_first", "stream_id", "first"),
    sa.Index("ix_log_blocks_stream_last", "stream_id", "last"),
    sa.Index("ix_log_blocks_group_first", "group_id", "first", "id", "stream_id", "last"),
    sa.Index("ix_log_blocks_group_last", "group_id", "last", "id", "stream_id", "first"),
    sqlite_autoincrement=True,
)
"""Without foreign keys: a stream goes at once, and its blocks a few at a time."""

doomed_streams = sa.Table(
    "doomed_streams",
    metadata,
    sa.Column("stream_id", sa.Integer, primary_key=True),
)


def upgrade(database: Database) -> None:
    """Create the tables. Raises ParameterInvalid for a database of a newer Moorage."""
    with database.read() as connection:
        current = _version(connection)
    if current == VERSION:
        return
    with database.write() as connection:
        current = _version(connection)
        if current > VERSION:
            raise ParameterInvalid(
                f"{database.path} was written by a newer Moorage (logs {current});"
                " start that version, or restore a backup"
            )
        if current < VERSION:
            metadata.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")


def _version(connection: sa.Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar() or 0)
