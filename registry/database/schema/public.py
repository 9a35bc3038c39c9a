"""Public registries: under which names they are found, and what their gallery shows."""

from __future__ import annotations

import sqlalchemy as sa

from registry.database.schema.columns import metadata, of, when

public_registries = sa.Table(
    "public_registries",
    metadata,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("display_name", sa.Text, nullable=False),
)

public_aliases = sa.Table(
    "public_aliases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, nullable=False, index=True),
    sa.Column("chosen", sa.Boolean, nullable=False, comment="by somebody; else made up here"),
    when("created_at"),
)
"""All of an account's lead to its public registry; the one chosen last stands in its URIs."""

catalog_data = sa.Table(
    "catalog_data",
    metadata,
    of("repositories", primary_key=True),
    sa.Column("document", sa.JSON, nullable=False, comment="by the names of ECR Public's model"),
    sa.Column("logo", sa.LargeBinary),
    sa.Column("logo_type", sa.Text, comment="its media type"),
)
"""What the gallery shows of a public repository."""
