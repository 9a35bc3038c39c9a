"""What becomes of images by themselves, and who needs them."""

from __future__ import annotations

import sqlalchemy as sa

from registry.database.instant import Instant
from registry.database.schema.columns import identifier, metadata, of, when

lifecycle_policies = sa.Table(
    "lifecycle_policies",
    metadata,
    of("repositories", primary_key=True),
    sa.Column("document", sa.Text, nullable=False, comment="rules in the order of priorities"),
    when("changed_at"),
    sa.Column("due_at", Instant, nullable=False, index=True, comment="when it is to run next"),
    sa.Column("evaluated_at", Instant, comment="when it ran last, to the end"),
    sa.Column("last_run", sa.JSON, comment="what that did"),
)

lifecycle_previews = sa.Table(
    "lifecycle_previews",
    metadata,
    identifier(),
    of("repositories"),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False, index=True, comment="the model's word"),
    when("started_at"),
    sa.Column("expiring", sa.Integer, nullable=False, comment="images that would go"),
    sa.Column("archiving", sa.Integer, nullable=False, comment="images that would be archived"),
    sa.Column("freed", sa.BigInteger, nullable=False, comment="bytes of blobs that would go"),
    sa.UniqueConstraint("repository_id"),
    sqlite_autoincrement=True,
)

lifecycle_preview_results = sa.Table(
    "lifecycle_preview_results",
    metadata,
    of("lifecycle_previews", primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("tags", sa.JSON, nullable=False),
    when("pushed_at"),
    sa.Column("storage", sa.Text, nullable=False),
    sa.Column("expires", sa.Boolean, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
)

lifecycle_notices = sa.Table(
    "lifecycle_notices",
    metadata,
    of("images", primary_key=True),
    of("repositories", index=True),
    sa.Column("priority", sa.Integer, nullable=False),
    when("noticed_at"),
    when("acts_at"),
)
"""Images that are about to expire, where that is announced before."""

orphans = sa.Table(
    "orphans",
    metadata,
    of("images", primary_key=True),
    of("repositories", index=True),
    sa.Column("since", Instant, nullable=False, index=True),
    sa.Column(
        "child",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="an index that listed it was deleted, and no subject of it",
    ),
)
"""What was left behind by a deletion, referrers of a subject and images of an index: it follows."""

image_reporters = sa.Table(
    "image_reporters",
    metadata,
    identifier(),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("region", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    when("reported_at"),
    sa.Column("expires_at", Instant, nullable=False, index=True),
    sa.UniqueConstraint("account", "region", "name"),
    sqlite_autoincrement=True,
)
"""Who runs images of a registry and says so: an ECS, say."""

images_in_use = sa.Table(
    "images_in_use",
    metadata,
    of("image_reporters", primary_key=True),
    sa.Column("repository", sa.Text, primary_key=True, comment="by name: it may come later"),
    sa.Column("reference", sa.Text, primary_key=True, comment="a digest or a tag"),
)
