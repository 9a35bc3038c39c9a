"""Signatures that images are to get, and have got."""

from __future__ import annotations

import sqlalchemy as sa

from registry.database.schema.columns import metadata, of, when

image_signatures = sa.Table(
    "image_signatures",
    metadata,
    of("images", primary_key=True),
    sa.Column("profile_arn", sa.Text, primary_key=True),
    sa.Column("status", sa.Text, nullable=False, comment="SigningStatus of ECR's model"),
    sa.Column("failure_code", sa.Text),
    sa.Column("failure_reason", sa.Text),
    when("requested_at"),
    sa.Index(None, "status", sqlite_where=sa.text("status = 'IN_PROGRESS'")),
)
"""Written with the push, so that a crash before an image is signed leaves a row that says so."""
