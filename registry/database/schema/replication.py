"""What is to be replicated, and what came of it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from registry.database.instant import Instant
from registry.database.schema.columns import identifier, metadata, of, when


def _destination() -> tuple[sa.Column[str], sa.Column[str]]:
    return (
        sa.Column("to_account", sa.Text, nullable=False),
        sa.Column("to_region", sa.Text, nullable=False),
    )


def _work() -> tuple[sa.Column[Any], ...]:
    """How a piece of work stands."""
    return (
        sa.Column("status", sa.Text, nullable=False, comment="IN_PROGRESS, COMPLETE, FAILED"),
        sa.Column("failure_code", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False, comment="that have failed"),
        sa.Column("due_at", Instant, comment="when to try next; NULL where it has ended"),
    )


replications = sa.Table(
    "replications",
    metadata,
    identifier(),
    of("images"),
    *_destination(),
    sa.Column("mark", sa.Integer, nullable=False, comment="one more for each change to bring over"),
    *_work(),
    when("updated_at"),
    sa.UniqueConstraint("image_id", "to_account", "to_region"),
    sa.Index(None, "due_at", sqlite_where=sa.text("due_at IS NOT NULL")),
    sqlite_autoincrement=True,
)

replicated_deletions = sa.Table(
    "replicated_deletions",
    metadata,
    identifier(),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("region", sa.Text, nullable=False),
    sa.Column("repository", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("tag", sa.Text, comment="NULL: the image itself"),
    *_destination(),
    sa.Column("attempts", sa.Integer, nullable=False, comment="that have failed"),
    sa.Column("due_at", Instant, nullable=False, index=True),
    sqlite_autoincrement=True,
)
"""Forgotten as soon as they are done."""

backfills = sa.Table(
    "backfills",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("region", sa.Text, nullable=False),
    *_destination(),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("failure_code", sa.Text),
    sa.Column("prepared", sa.Boolean, nullable=False, comment="all its items are there"),
    sa.Column("after_image", sa.BigInteger, nullable=False, comment="looked at up to here"),
    sa.Column("up_to_image", sa.BigInteger, nullable=False, comment="the newest at its start"),
    when("started_at"),
    sa.Column("ended_at", Instant),
    sa.Index(None, "account", "region", "started_at"),
)

backfill_items = sa.Table(
    "backfill_items",
    metadata,
    identifier(),
    of("backfills"),
    sa.Column("repository", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("tag", sa.Text),
    *_work(),
    sa.Index(None, "backfill_id", "status"),
    sa.Index(None, "due_at", sqlite_where=sa.text("due_at IS NOT NULL")),
    sqlite_autoincrement=True,
)
