"""Moves to another key can be stopped."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("rekeys", recreate="always") as batch:
        batch.add_column(sa.Column("stopped_at", sa.BigInteger(), nullable=True))
