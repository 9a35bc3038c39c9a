"""VEX documents, what they suppress, and what is set for the scans of a repository."""

from __future__ import annotations

import sqlalchemy as sa

from registry.database.instant import Instant
from registry.database.schema.columns import identifier, metadata, of, when

vex_documents = sa.Table(
    "vex_documents",
    metadata,
    identifier(),
    of("repositories"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("form", sa.Text, nullable=False, comment="openvex, cyclonedx or csaf"),
    sa.Column("document_id", sa.Text, nullable=False, comment="as it calls itself"),
    sa.Column("author", sa.Text, nullable=False, comment="as it says"),
    sa.Column("digest", sa.Text, nullable=False, comment="of its text"),
    sa.Column("content", sa.Text, nullable=False, comment="checked: domain/vex/documents.py"),
    when("added_at"),
    sa.Column("added_by", sa.Text, nullable=False, comment="ARN of who put it"),
    sa.UniqueConstraint("repository_id", "name"),
    sqlite_autoincrement=True,
)

vex_counts = sa.Table(
    "vex_counts",
    metadata,
    of("images", primary_key=True),
    sa.Column("suppressed", sa.JSON, nullable=False, comment="findings by severity"),
    sa.Column("mark", sa.Text, nullable=False, comment="digest of what was said of which"),
    sa.Column("due_at", Instant, comment="since when to count anew; NULL where they are right"),
    sa.Index(None, "due_at", sqlite_where=sa.text("due_at IS NOT NULL")),
)

scan_settings = sa.Table(
    "scan_settings",
    metadata,
    of("repositories", primary_key=True),
    sa.Column("attach", sa.JSON(none_as_null=True), comment="forms; NULL: those of the server"),
    sa.Column("vex_referrers", sa.Text, nullable=False, comment="none, signed or all"),
    sa.Column("vex_keys", sa.JSON, nullable=False, comment="public keys in PEM"),
)

scan_attachings = sa.Table(
    "scan_attachings",
    metadata,
    of("images", primary_key=True),
    sa.Column("due_at", Instant, nullable=False, index=True),
    sa.Column("attempts", sa.Integer, nullable=False),
)
