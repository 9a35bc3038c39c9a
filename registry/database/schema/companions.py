"""Parameters of Parameter Store, secrets of Secrets Manager."""

from __future__ import annotations

import sqlalchemy as sa

from registry.database.instant import Instant
from registry.database.schema.columns import identifier, metadata, of, when

parameters = sa.Table(
    "parameters",
    metadata,
    identifier(),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("region", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False, comment="the name, without a slash at its beginning"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("seal", sa.Text, nullable=False, comment="part of the name of each sealed value"),
    sa.Column("latest", sa.Integer, nullable=False, comment="the newest version's number"),
    sa.Column("tags", sa.JSON, nullable=False),
    sa.UniqueConstraint("account", "region", "key"),
    sqlite_autoincrement=True,
)

parameter_versions = sa.Table(
    "parameter_versions",
    metadata,
    of("parameters", primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("value", sa.LargeBinary, nullable=False, comment="sealed, whatever the type"),
    sa.Column("key_id", sa.Text, nullable=False, comment="of the master key"),
    sa.Column("kms_key", sa.Text, comment="as it was asked for; of SecureString alone"),
    sa.Column("description", sa.Text),
    sa.Column("allowed_pattern", sa.Text),
    sa.Column("tier", sa.Text, nullable=False),
    sa.Column("data_type", sa.Text, nullable=False),
    sa.Column("labels", sa.JSON, nullable=False),
    sa.Column("modified_by", sa.Text, nullable=False),
    when("modified_at"),
)

kept_secrets = sa.Table(
    "kept_secrets",
    metadata,
    identifier(),
    sa.Column("arn", sa.Text, nullable=False, unique=True),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("region", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("kms_key", sa.Text, comment="as it was asked for; None: the account's own"),
    sa.Column("type", sa.Text),
    sa.Column("tags", sa.JSON, nullable=False),
    sa.Column("policy", sa.Text),
    when("created_at"),
    when("changed_at"),
    sa.Column("accessed_at", Instant, comment="a day"),
    sa.Column("deleted_at", Instant),
    sa.Column("purge_at", Instant, index=True),
    sa.UniqueConstraint("account", "region", "name"),
    sqlite_autoincrement=True,
)

secret_versions = sa.Table(
    "secret_versions",
    metadata,
    of("kept_secrets", primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False, comment="string or binary"),
    sa.Column("value", sa.LargeBinary, nullable=False, comment="sealed"),
    sa.Column("key_id", sa.Text, nullable=False, comment="of the master key"),
    sa.Column("stages", sa.JSON, nullable=False),
    when("created_at"),
    sa.Column("accessed_at", Instant, comment="a day"),
)
