"""Parameters of Parameter Store, secrets of Secrets Manager."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "kept_secrets",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("arn", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column(
            "kms_key",
            sa.Text(),
            nullable=True,
            comment="as it was asked for; None: the account's own",
        ),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("accessed_at", sa.BigInteger(), nullable=True, comment="a day"),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.Column("purge_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_secrets")),
        sa.UniqueConstraint(
            "account", "region", "name", name=op.f("uq_kept_secrets_account_region_name")
        ),
        sa.UniqueConstraint("arn", name=op.f("uq_kept_secrets_arn")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_kept_secrets_purge_at"), "kept_secrets", ["purge_at"], unique=False)
    op.create_table(
        "parameters",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column(
            "key", sa.Text(), nullable=False, comment="the name, without a slash at its beginning"
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "seal", sa.Text(), nullable=False, comment="part of the name of each sealed value"
        ),
        sa.Column("latest", sa.Integer(), nullable=False, comment="the newest version's number"),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parameters")),
        sa.UniqueConstraint(
            "account", "region", "key", name=op.f("uq_parameters_account_region_key")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "parameter_versions",
        sa.Column(
            "parameter_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False, comment="sealed, whatever the type"),
        sa.Column("key_id", sa.Text(), nullable=False, comment="of the master key"),
        sa.Column(
            "kms_key",
            sa.Text(),
            nullable=True,
            comment="as it was asked for; of SecureString alone",
        ),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("allowed_pattern", sa.Text(), nullable=True),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("data_type", sa.Text(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("modified_by", sa.Text(), nullable=False),
        sa.Column("modified_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parameter_id"],
            ["parameters.id"],
            name=op.f("fk_parameter_versions_parameter_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("parameter_id", "number", name=op.f("pk_parameter_versions")),
    )
    op.create_table(
        "secret_versions",
        sa.Column(
            "kept_secret_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="string or binary"),
        sa.Column("value", sa.LargeBinary(), nullable=False, comment="sealed"),
        sa.Column("key_id", sa.Text(), nullable=False, comment="of the master key"),
        sa.Column("stages", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("accessed_at", sa.BigInteger(), nullable=True, comment="a day"),
        sa.ForeignKeyConstraint(
            ["kept_secret_id"],
            ["kept_secrets.id"],
            name=op.f("fk_secret_versions_kept_secret_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("kept_secret_id", "version", name=op.f("pk_secret_versions")),
    )
