"""How far the journals of pulls were told."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "journals",
        sa.Column("name", sa.Text(), nullable=False, comment="of a file in DATA/journal"),
        sa.Column(
            "told", sa.BigInteger(), nullable=False, comment="bytes whose events were written"
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_journals")),
    )
