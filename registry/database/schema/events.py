"""Events on their way out: who wants which, and what each has still to get."""

from __future__ import annotations

import sqlalchemy as sa

from registry.database.instant import Instant
from registry.database.schema.columns import identifier, metadata, of, when

event_targets = sa.Table(
    "event_targets",
    metadata,
    identifier(),
    sa.Column("account", sa.Text, nullable=False, comment="empty: the server's own log"),
    sa.Column("region", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("secret", sa.LargeBinary, nullable=False, comment="sealed under the keyring"),
    sa.Column("detail_types", sa.JSON, nullable=False, comment="none: every one"),
    sa.Column("actions", sa.JSON, nullable=False, comment="none: every one but PULL"),
    sa.Column("repositories", sa.JSON, nullable=False, comment="patterns; none: every one"),
    when("created_at"),
    sa.Column("next_at", Instant, comment="not before; NULL: at once"),
    sa.Column("failures", sa.Integer, nullable=False, comment="since something arrived last"),
    sa.Column("error", sa.Text, comment="of the last failure"),
    sa.UniqueConstraint("account", "region", "name"),
    sqlite_autoincrement=True,
)

event_deliveries = sa.Table(
    "event_deliveries",
    metadata,
    identifier(),
    of("event_targets"),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False, comment="the event as it is sent"),
    when("created_at"),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("dead_at", Instant, comment="since when it is given up"),
    sa.Column("error", sa.Text, comment="why"),
    sa.Index("ix_event_deliveries_target", "event_target_id", "dead_at", "id"),
    sqlite_autoincrement=True,
)
"""Written with the change that the event tells of, once for each target that wants it."""

journals = sa.Table(
    "journals",
    metadata,
    sa.Column("name", sa.Text, primary_key=True, comment="of a file in DATA/journal"),
    sa.Column("told", sa.BigInteger, nullable=False, comment="bytes whose events were written"),
)
