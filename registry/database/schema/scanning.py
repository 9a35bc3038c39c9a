"""Scans of images, and what they found."""

from __future__ import annotations

import sqlalchemy as sa

from registry.database.instant import Instant
from registry.database.schema.columns import metadata, of, when

scans = sa.Table(
    "scans",
    metadata,
    of("images", primary_key=True),
    sa.Column("status", sa.Text, nullable=False, comment="as domain/scanning/states.py has it"),
    sa.Column("description", sa.Text, nullable=False, comment="of the status, for people"),
    sa.Column("cause", sa.Text, nullable=False, comment="of the last one: push, manual, rescan"),
    sa.Column("missing", sa.Boolean, nullable=False, comment="it failed for want of a scanner"),
    when("requested_at"),
    sa.Column("ended_at", Instant, comment="last time, whatever came of it"),
    sa.Column("completed_at", Instant, comment="when what was found last was found"),
    sa.Column("scanner", sa.Text, comment="that found it"),
    sa.Column("scanner_version", sa.Text),
    sa.Column("database_at", Instant, comment="when the scanner's database was made"),
    sa.Column("counts", sa.JSON, nullable=False, comment="findings by severity"),
    sa.Column("due_at", Instant, comment="when to scan; NULL where nothing is to be done"),
    sa.Column("attempts", sa.Integer, nullable=False, comment="that were begun since it was due"),
    sa.Column("holder", sa.Text, comment="who scans now"),
    sa.Column("held_until", Instant),
    sa.Column("day_began", Instant, comment="from when the scans of a day are counted"),
    sa.Column("day_count", sa.Integer, nullable=False),
    sa.Index(None, "due_at", sqlite_where=sa.text("due_at IS NOT NULL")),
    sa.Index(None, "held_until", sqlite_where=sa.text("held_until IS NOT NULL")),
)

scan_reports = sa.Table(
    "scan_reports",
    metadata,
    of("images", primary_key=True),
    sa.Column("report", sa.LargeBinary, nullable=False, comment="the scanner's own"),
    sa.Column("findings", sa.LargeBinary, nullable=False, comment="what was read out of it"),
)
"""Both packed, and sealed under the key that the image's manifest is sealed under."""
