"""Accounts, and who may act in them."""

from __future__ import annotations

import sqlalchemy as sa

from registry.database.instant import Instant
from registry.database.schema.columns import account, metadata, named, of, unique_id, when

accounts = sa.Table("accounts", metadata, unique_id(), when("created_at"))

users = sa.Table(
    "users",
    metadata,
    unique_id(),
    account(),
    *named(),
    sa.Column("boundary", sa.Text, comment="ARN of a managed policy"),
    sa.Column("tags", sa.JSON, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    when("created_at"),
    sa.UniqueConstraint("account", "name"),
)

access_keys = sa.Table(
    "access_keys",
    metadata,
    unique_id(),
    of("users", index=True),
    sa.Column("secret", sa.LargeBinary, nullable=False, comment="sealed under the keyring"),
    sa.Column("active", sa.Boolean, nullable=False),
    when("created_at"),
)

groups = sa.Table(
    "groups",
    metadata,
    unique_id(),
    account(),
    *named(),
    when("created_at"),
    sa.UniqueConstraint("account", "name"),
)

group_members = sa.Table(
    "group_members",
    metadata,
    of("groups", primary_key=True),
    of("users", primary_key=True, index=True),
)

roles = sa.Table(
    "roles",
    metadata,
    unique_id(),
    account(),
    *named(),
    sa.Column("trust_policy", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("session_seconds", sa.Integer, nullable=False, comment="at most"),
    sa.Column("boundary", sa.Text, comment="ARN of a managed policy"),
    sa.Column("tags", sa.JSON, nullable=False),
    when("created_at"),
    sa.UniqueConstraint("account", "name"),
)

instance_profiles = sa.Table(
    "instance_profiles",
    metadata,
    unique_id(),
    account(),
    *named(),
    sa.Column("tags", sa.JSON, nullable=False),
    when("created_at"),
    sa.UniqueConstraint("account", "name"),
)

profile_roles = sa.Table(
    "profile_roles",
    metadata,
    of("instance_profiles", primary_key=True),
    of("roles", primary_key=True, index=True),
)

policies = sa.Table(
    "policies",
    metadata,
    sa.Column("arn", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    account(),
    *named(),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("default_version", sa.Text, nullable=False),
    sa.Column("versions_made", sa.Integer, nullable=False, comment="numbers are not used again"),
    sa.Column("tags", sa.JSON, nullable=False),
    when("created_at"),
    when("updated_at"),
    sa.UniqueConstraint("account", "name"),
)

policy_versions = sa.Table(
    "policy_versions",
    metadata,
    sa.Column("policy_arn", sa.ForeignKey("policies.arn", ondelete="CASCADE"), primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("document", sa.Text, nullable=False),
    when("created_at"),
)

inline_policies = sa.Table(
    "inline_policies",
    metadata,
    sa.Column("owner_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("document", sa.Text, nullable=False),
)

attachments = sa.Table(
    "attachments",
    metadata,
    sa.Column("owner_id", sa.Text, primary_key=True),
    sa.Column("policy_arn", sa.Text, primary_key=True, index=True),
    sa.Column("at", Instant, nullable=False),
)

policy_files = sa.Table(
    "policy_files",
    metadata,
    sa.Column("account", sa.ForeignKey("accounts.id"), primary_key=True),
    sa.Column("region", sa.Text, primary_key=True, comment="empty where a kind has none"),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("mark", sa.Text, nullable=False, comment="tells it from a later one of its name"),
)
"""What came out of policy files, so that pruning takes away nothing else."""

robots = sa.Table(
    "robots",
    metadata,
    unique_id(),
    of("users", index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("document", sa.Text, nullable=False, comment="a session policy: what it may do"),
    sa.Column("expires_at", Instant),
    when("created_at"),
    sa.UniqueConstraint("user_id", "name"),
)
