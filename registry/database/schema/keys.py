"""What the database keeps beside the keyring: grants on keys."""

from __future__ import annotations

import sqlalchemy as sa

from registry.database.schema.columns import metadata, unique_id, when

key_grants = sa.Table(
    "key_grants",
    metadata,
    unique_id(),
    sa.Column("key_id", sa.Text, nullable=False, index=True, comment="in the keyring"),
    sa.Column("name", sa.Text),
    sa.Column("issuer", sa.Text, nullable=False, comment="account"),
    sa.Column("grantee", sa.Text, nullable=False),
    sa.Column("retiring", sa.Text, index=True),
    sa.Column("operations", sa.JSON, nullable=False),
    sa.Column("constraints", sa.JSON, nullable=False),
    when("created_at"),
)
