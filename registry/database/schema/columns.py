"""What every table is made of."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from registry.database.instant import NAMING, Instant

metadata = sa.MetaData(naming_convention=NAMING)


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
