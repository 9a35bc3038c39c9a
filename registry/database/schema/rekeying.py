"""Repositories that move from one key to another."""

from __future__ import annotations

import sqlalchemy as sa

from registry.database.instant import Instant
from registry.database.schema.columns import metadata, of, when

rekeys = sa.Table(
    "rekeys",
    metadata,
    of("repositories", primary_key=True),
    sa.Column("key_id", sa.Text, primary_key=True, comment="the key that it leaves"),
    when("started_at"),
    sa.Column("finished_at", Instant, comment="NULL while anything of it may lie there"),
    sa.Column("blobs", sa.BigInteger, nullable=False, comment="moved so far"),
    sa.Column("blob_bytes", sa.BigInteger, nullable=False),
    sa.Column("manifests", sa.BigInteger, nullable=False),
    sa.Column("problem", sa.Text, comment="what kept the last try from its end"),
    sa.Column("tried_at", Instant),
    sa.Column("stopped_at", Instant, comment="when somebody had what is left stay where it lies"),
    sa.Index(None, "started_at", sqlite_where=sa.text("finished_at IS NULL")),
)
"""What a repository holds lies under its own key, or under one that it leaves: no other."""
