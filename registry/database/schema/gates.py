"""Which images may not be pulled."""

from __future__ import annotations

import sqlalchemy as sa

from registry.database.schema.columns import account, metadata, of, when

gates = sa.Table(
    "gates",
    metadata,
    account(),
    sa.Column("region", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("document", sa.Text, nullable=False, comment="checked: domain/policyfiles/gate.py"),
    when("changed_at"),
    sa.PrimaryKeyConstraint("account", "region", "name"),
)

gate_tellings = sa.Table(
    "gate_tellings",
    metadata,
    of("repositories"),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("gate", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False, comment="refused or would_refuse"),
    sa.Column("day", sa.Text, nullable=False, index=True, comment="UTC, YYYY-MM-DD"),
    sa.PrimaryKeyConstraint("repository_id", "digest", "gate", "rule", "outcome", "day"),
)
"""Refusals that an event tells of: one for each image, gate, rule and day."""
