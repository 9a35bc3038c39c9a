"""What every table is made of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(sa.types.TypeDecorator[datetime]):
    """A point in time, kept as whole microseconds since 1970 UTC."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> int | None:
        """Aware datetime to microseconds."""
        return None if value is None else round(value.timestamp() * 1_000_000)

    def process_result_value(self, value: int | None, _dialect: Dialect) -> datetime | None:
        """Microseconds to an aware datetime."""
        return None if value is None else datetime.fromtimestamp(value / 1_000_000, UTC)


def identifier() -> sa.Column[int]:
    """A row's number, never given twice."""
    # SQLite numbers rows by itself only where the type is exactly INTEGER. The tables also ask
    # for AUTOINCREMENT: a request that began with one repository must never end in another one
    # that was given the number of the first.
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True)


def of(table: str, *, primary_key: bool = False, index: bool = False) -> sa.Column[int]:
    """A row of that table, and gone with it."""
    singular = "repository" if table == "repositories" else table.removesuffix("s")
    return sa.Column(
        f"{singular}_id",
        sa.ForeignKey(f"{table}.id", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=False,
        index=index,
    )


def when(name: str) -> sa.Column[datetime]:
    """A point in time, always there."""
    return sa.Column(name, Instant, nullable=False)


def unique_id() -> sa.Column[str]:
    """An id that is made elsewhere."""
    return sa.Column("id", sa.Text, primary_key=True)


def account() -> sa.Column[str]:
    """The account that it belongs to."""
    return sa.Column("account", sa.ForeignKey("accounts.id"), nullable=False)


def named() -> tuple[sa.Column[str], sa.Column[str]]:
    """An entity's name, unique in its account whatever its path (IAM: and whatever its case)."""
    return (
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("name", sa.Text(collation="NOCASE"), nullable=False),
    )
