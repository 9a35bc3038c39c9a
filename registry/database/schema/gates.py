"""Which images may not be pulled."""

from __future__ import annotations

import sqlalchemy as sa

from registry.database.schema.columns import account, metadata, when

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
