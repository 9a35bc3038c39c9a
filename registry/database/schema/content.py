"""Repositories and what lies in them."""

from __future__ import annotations

import sqlalchemy as sa

from registry.database.instant import Instant
from registry.database.schema.columns import identifier, metadata, of, when

registry_settings = sa.Table(
    "registry_settings",
    metadata,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("region", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

creation_templates = sa.Table(
    "creation_templates",
    metadata,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("region", sa.Text, primary_key=True),
    sa.Column("prefix", sa.Text, primary_key=True),
    sa.Column("document", sa.JSON, nullable=False, comment="by the names of ECR's model"),
    when("created_at"),
    when("updated_at"),
)

repositories = sa.Table(
    "repositories",
    metadata,
    identifier(),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("region", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("mutability", sa.Text, nullable=False),
    sa.Column("mutability_exclusions", sa.JSON, nullable=False),
    sa.Column("encryption_type", sa.Text, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False, comment="name space of its blobs"),
    sa.Column("scan_on_push", sa.Boolean, nullable=False),
    sa.Column("resource_tags", sa.JSON, nullable=False),
    when("created_at"),
    sa.Column(
        "bytes", sa.BigInteger, nullable=False, server_default="0", comment="of all that is linked"
    ),
    sa.UniqueConstraint("account", "region", "name"),
    sqlite_autoincrement=True,
)

repository_policies = sa.Table(
    "repository_policies",
    metadata,
    of("repositories", primary_key=True),
    sa.Column("document", sa.Text, nullable=False),
)

blobs = sa.Table(
    "blobs",
    metadata,
    identifier(),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("object", sa.Text, nullable=False, comment="last part of its storage path"),
    when("created_at"),
    sa.UniqueConstraint("key_id", "digest"),
    sqlite_autoincrement=True,
)

links = sa.Table(
    "links",
    metadata,
    of("repositories", primary_key=True),
    of("blobs", primary_key=True, index=True),
    when("created_at"),
    sa.Column(
        "idle_since",
        Instant,
        comment="since when nothing but a promise keeps it; NULL while an image here needs it",
    ),
    sa.Column(
        "withdrawn",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="its image was deleted: not served, and kept for pushes under way alone",
    ),
    sa.Index(None, "idle_since", sqlite_where=sa.text("idle_since IS NOT NULL")),
)

uploads = sa.Table(
    "uploads",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    of("repositories", index=True),
    sa.Column("principal", sa.Text, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False, comment="name space of its parts"),
    sa.Column("replaces", sa.BigInteger, comment="blob of which it is another copy; no other"),
    sa.Column("size", sa.BigInteger, nullable=False),
    when("created_at"),
    when("updated_at"),
    sa.Column(
        "arriving",
        sa.BigInteger,
        nullable=False,
        server_default="0",
        comment="bytes that came in and are no part yet, where a quota counts them",
    ),
)

upload_parts = sa.Table(
    "upload_parts",
    metadata,
    of("uploads", primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, comment="-1: all the others in one"),
    sa.Column("object", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.Text, nullable=False, comment="of this part alone"),
)

images = sa.Table(
    "images",
    metadata,
    identifier(),
    of("repositories"),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("artifact_type", sa.Text),
    sa.Column("subject", sa.Text),
    sa.Column("size", sa.BigInteger, nullable=False, comment="as DescribeImages counts"),
    sa.Column("manifest", sa.LargeBinary, nullable=False, comment="sealed as its blobs are"),
    sa.Column("key_id", sa.Text, nullable=False, comment="what its manifest is sealed under"),
    when("pushed_at"),
    sa.Column("pulled_at", Instant, comment="last time, to the minute"),
    sa.Column("status", sa.Text, nullable=False, server_default="ACTIVE", comment="imageStatus"),
    sa.Column("archived_at", Instant, comment="last time"),
    sa.Column("activated_at", Instant, comment="last time it came back from the archive"),
    sa.UniqueConstraint("repository_id", "digest"),
    sa.Index(None, "repository_id", "subject"),
    sqlite_autoincrement=True,
)

tags = sa.Table(
    "tags",
    metadata,
    of("repositories", primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    of("images", index=True),
    when("updated_at"),
)

image_blobs = sa.Table(
    "image_blobs",
    metadata,
    of("images", primary_key=True),
    of("blobs", primary_key=True, index=True),
)

image_children = sa.Table(
    "image_children",
    metadata,
    of("images", primary_key=True),
    sa.Column("digest", sa.Text, primary_key=True, index=True),
)

image_gaps = sa.Table(
    "image_gaps",
    metadata,
    of("images", primary_key=True),
    sa.Column("digest", sa.Text, primary_key=True, index=True),
)
"""Blobs that a manifest names and that were not there: held for it as soon as they come."""

leftovers = sa.Table(
    "leftovers",
    metadata,
    sa.Column("path", sa.Text, primary_key=True, comment="in storage; nothing refers to it"),
)
"""Written with the change that made the object waste, so that a crash before its bytes are
deleted leaves a row that names it."""

tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, comment="who does it now"),
    sa.Column("held_until", Instant),
    sa.Column("finished_at", Instant),
    sa.Column("state", sa.JSON, nullable=False, comment="where to go on"),
)
