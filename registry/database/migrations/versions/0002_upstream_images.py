"""Which images came from an upstream: those of its repositories without a tag of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_CAME = """
INSERT INTO upstream_images (image_id)
SELECT images.id FROM images
WHERE images.repository_id IN (SELECT repository_id FROM upstream_tags)
AND NOT EXISTS (
    SELECT 1 FROM tags LEFT JOIN upstream_tags AS up
    ON up.repository_id = tags.repository_id AND up.name = tags.name
    WHERE tags.image_id = images.id
    AND (up.name IS NULL
         OR images.digest <> up.digest AND images.digest <> COALESCE(up.previous, ''))
)
"""


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "upstream_images",
        sa.Column("image_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"],
            ["images.id"],
            name=op.f("fk_upstream_images_image_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("image_id", name=op.f("pk_upstream_images")),
    )
    op.execute(_CAME)
