"""VEX documents, what is set for scans of a repository, and which refusals were told."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "gate_tellings",
        sa.Column("repository_id", _NUMBER, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False, comment="refused or would_refuse"),
        sa.Column("day", sa.Text(), nullable=False, comment="UTC, YYYY-MM-DD"),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_gate_tellings_repository_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "repository_id",
            "digest",
            "gate",
            "rule",
            "outcome",
            "day",
            name=op.f("pk_gate_tellings"),
        ),
    )
    op.create_index(op.f("ix_gate_tellings_day"), "gate_tellings", ["day"], unique=False)
    op.create_table(
        "scan_settings",
        sa.Column("repository_id", _NUMBER, nullable=False),
        sa.Column(
            "attach",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="forms; NULL: those of the server",
        ),
        sa.Column("vex_referrers", sa.Text(), nullable=False, comment="none, signed or all"),
        sa.Column("vex_keys", sa.JSON(), nullable=False, comment="public keys in PEM"),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_scan_settings_repository_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("repository_id", name=op.f("pk_scan_settings")),
    )
    op.create_table(
        "vex_documents",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("repository_id", _NUMBER, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False, comment="openvex, cyclonedx or csaf"),
        sa.Column("document_id", sa.Text(), nullable=False, comment="as it calls itself"),
        sa.Column("author", sa.Text(), nullable=False, comment="as it says"),
        sa.Column("digest", sa.Text(), nullable=False, comment="of its text"),
        sa.Column("content", sa.Text(), nullable=False, comment="checked: domain/vex/documents.py"),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False, comment="ARN of who put it"),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_vex_documents_repository_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vex_documents")),
        sa.UniqueConstraint(
            "repository_id", "name", name=op.f("uq_vex_documents_repository_id_name")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "scan_attachings",
        sa.Column("image_id", _NUMBER, nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"],
            ["images.id"],
            name=op.f("fk_scan_attachings_image_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("image_id", name=op.f("pk_scan_attachings")),
    )
    op.create_index(op.f("ix_scan_attachings_due_at"), "scan_attachings", ["due_at"], unique=False)
    op.create_table(
        "vex_counts",
        sa.Column("image_id", _NUMBER, nullable=False),
        sa.Column("suppressed", sa.JSON(), nullable=False, comment="findings by severity"),
        sa.Column("mark", sa.Text(), nullable=False, comment="digest of what was said of which"),
        sa.Column(
            "due_at",
            sa.BigInteger(),
            nullable=True,
            comment="since when to count anew; NULL where they are right",
        ),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_vex_counts_image_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("image_id", name=op.f("pk_vex_counts")),
    )
    op.create_index(
        op.f("ix_vex_counts_due_at"),
        "vex_counts",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
    )
