"""What belongs to the times at which images were pulled."""

from __future__ import annotations

import sqlalchemy as sa

from registry.database.schema.columns import metadata, when

pull_time_exclusions = sa.Table(
    "pull_time_exclusions",
    metadata,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("region", sa.Text, primary_key=True),
    sa.Column("principal_arn", sa.Text, primary_key=True, comment="whose pulls do not count"),
    when("created_at"),
)
