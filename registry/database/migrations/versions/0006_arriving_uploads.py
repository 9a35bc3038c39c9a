"""Uploads say how much of what is coming in is not a part yet."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("uploads", recreate="always") as batch:
        batch.add_column(sa.Column("arriving", sa.BigInteger(), nullable=False, server_default="0"))
