"""What is kept after a deletion, what cannot be deleted, and how much may be kept at all."""

from __future__ import annotations

import sqlalchemy as sa

from registry.database.instant import Instant
from registry.database.schema.columns import identifier, metadata, of, when

resting = sa.Table(
    "resting",
    metadata,
    identifier(),
    sa.Column("kind", sa.Text, nullable=False, comment="repository, image or tag"),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("region", sa.Text, nullable=False),
    sa.Column("repository", sa.Text, nullable=False, comment="its name, as it was"),
    sa.Column("digest", sa.Text, comment="of the image; of a tag, the one it stood on"),
    sa.Column("tags", sa.JSON, nullable=False, comment="that went with it"),
    sa.Column(
        "shadow_id",
        sa.ForeignKey("repositories.id", ondelete="CASCADE"),
        unique=True,
        comment="the repository that holds it now, which nobody can name; none for a tag",
    ),
    when("deleted_at"),
    sa.Column("until", Instant, nullable=False, index=True),
    sa.Column("ending", sa.Boolean, nullable=False, comment="it is being freed"),
    sa.Index(None, "account", "region", "repository", "id"),
    sqlite_autoincrement=True,
)

protections = sa.Table(
    "protections",
    metadata,
    of("repositories", primary_key=True),
    sa.Column("repository", sa.Boolean, nullable=False, comment="whether it itself is protected"),
    sa.Column("tags", sa.JSON, nullable=False, comment="patterns"),
)

quotas = sa.Table(
    "quotas",
    metadata,
    sa.Column("account", sa.Text, primary_key=True, comment="empty: every account"),
    sa.Column("region", sa.Text, primary_key=True, comment="empty: the account as a whole"),
    sa.Column("repository", sa.Text, primary_key=True, comment="empty: the account as a whole"),
    sa.Column("limits", sa.JSON, nullable=False, comment="by name; null stands for none"),
)
