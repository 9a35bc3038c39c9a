"""Write down why an image was left behind: by its subject, or by an index that listed it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was left behind until now are referrers, all of it."""
    with op.batch_alter_table("orphans") as batch:
        batch.add_column(
            sa.Column("child", sa.Boolean(), nullable=False, server_default=sa.false())
        )
