"""The tables. The database is the truth; storage holds only bytes.

registry_settings                             policies, replication, scanning of registries
creation_templates                            what a push that creates a repository gives it
repositories ─┬─ repository_policies
              ├─ links ───── blobs            what a repository may serve
              ├─ uploads ─── upload_parts     what is on its way in
              └─ images ──┬─ tags
                          ├─ image_blobs      what a manifest needs
                          ├─ image_gaps       what it needs and was not there when it came
                          └─ image_children   what an index lists
leftovers                                     objects whose bytes are still to be deleted
tasks                                         what one process at a time does
users ──┬─ access_keys
        └─ user_policies
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(sa.types.TypeDecorator[datetime]):
    """A point in time, kept as whole microseconds since 1970 UTC."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> int | None:
        """Aware datetime to microseconds."""
        return None if value is None else round(value.timestamp() * 1_000_000)

    def process_result_value(self, value: int | None, _dialect: Dialect) -> datetime | None:
        """Microseconds to an aware datetime."""
        return None if value is None else datetime.fromtimestamp(value / 1_000_000, UTC)


def _id() -> sa.Column[int]:
    # SQLite numbers rows by itself only where the type is exactly INTEGER. The tables also ask
    # for AUTOINCREMENT: a request that began with one repository must never end in another one
    # that was given the number of the first.
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True)


def _of(table: str, *, primary_key: bool = False, index: bool = False) -> sa.Column[int]:
    singular = "repository" if table == "repositories" else table.removesuffix("s")
    return sa.Column(
        f"{singular}_id",
        sa.ForeignKey(f"{table}.id", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=False,
        index=index,
    )


def _when(name: str) -> sa.Column[datetime]:
    return sa.Column(name, Instant, nullable=False)


def _unique_id() -> sa.Column[str]:
    return sa.Column("id", sa.Text, primary_key=True)


def _account() -> sa.Column[str]:
    return sa.Column("account", sa.ForeignKey("accounts.id"), nullable=False)


def _named() -> tuple[sa.Column[str], sa.Column[str]]:
    """An entity's name, unique in its account whatever its path (IAM: and whatever its case)."""
    return (
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("name", sa.Text(collation="NOCASE"), nullable=False),
    )


accounts = sa.Table("accounts", metadata, _unique_id(), _when("created_at"))

users = sa.Table(
    "users",
    metadata,
    _unique_id(),
    _account(),
    *_named(),
    sa.Column("boundary", sa.Text, comment="ARN of a managed policy"),
    sa.Column("tags", sa.JSON, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    _when("created_at"),
    sa.UniqueConstraint("account", "name"),
)

access_keys = sa.Table(
    "access_keys",
    metadata,
    _unique_id(),
    _of("users", index=True),
    sa.Column("secret", sa.LargeBinary, nullable=False, comment="sealed under the keyring"),
    sa.Column("active", sa.Boolean, nullable=False),
    _when("created_at"),
)

groups = sa.Table(
    "groups",
    metadata,
    _unique_id(),
    _account(),
    *_named(),
    _when("created_at"),
    sa.UniqueConstraint("account", "name"),
)

group_members = sa.Table(
    "group_members",
    metadata,
    _of("groups", primary_key=True),
    _of("users", primary_key=True, index=True),
)

roles = sa.Table(
    "roles",
    metadata,
    _unique_id(),
    _account(),
    *_named(),
    sa.Column("trust_policy", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("session_seconds", sa.Integer, nullable=False, comment="at most"),
    sa.Column("boundary", sa.Text, comment="ARN of a managed policy"),
    sa.Column("tags", sa.JSON, nullable=False),
    _when("created_at"),
    sa.UniqueConstraint("account", "name"),
)

instance_profiles = sa.Table(
    "instance_profiles",
    metadata,
    _unique_id(),
    _account(),
    *_named(),
    sa.Column("tags", sa.JSON, nullable=False),
    _when("created_at"),
    sa.UniqueConstraint("account", "name"),
)

profile_roles = sa.Table(
    "profile_roles",
    metadata,
    _of("instance_profiles", primary_key=True),
    _of("roles", primary_key=True, index=True),
)

policies = sa.Table(
    "policies",
    metadata,
    sa.Column("arn", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    _account(),
    *_named(),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("default_version", sa.Text, nullable=False),
    sa.Column("versions_made", sa.Integer, nullable=False, comment="numbers are not used again"),
    sa.Column("tags", sa.JSON, nullable=False),
    _when("created_at"),
    _when("updated_at"),
    sa.UniqueConstraint("account", "name"),
)

policy_versions = sa.Table(
    "policy_versions",
    metadata,
    sa.Column("policy_arn", sa.ForeignKey("policies.arn", ondelete="CASCADE"), primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("document", sa.Text, nullable=False),
    _when("created_at"),
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
    _unique_id(),
    _of("users", index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("document", sa.Text, nullable=False, comment="a session policy: what it may do"),
    sa.Column("expires_at", Instant),
    _when("created_at"),
    sa.UniqueConstraint("user_id", "name"),
)

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
    _when("created_at"),
    _when("updated_at"),
)

repositories = sa.Table(
    "repositories",
    metadata,
    _id(),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("region", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("mutability", sa.Text, nullable=False),
    sa.Column("mutability_exclusions", sa.JSON, nullable=False),
    sa.Column("encryption_type", sa.Text, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False, comment="name space of its blobs"),
    sa.Column("scan_on_push", sa.Boolean, nullable=False),
    sa.Column("resource_tags", sa.JSON, nullable=False),
    _when("created_at"),
    sa.UniqueConstraint("account", "region", "name"),
    sqlite_autoincrement=True,
)

repository_policies = sa.Table(
    "repository_policies",
    metadata,
    _of("repositories", primary_key=True),
    sa.Column("document", sa.Text, nullable=False),
)

blobs = sa.Table(
    "blobs",
    metadata,
    _id(),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("object", sa.Text, nullable=False, comment="last part of its storage path"),
    _when("created_at"),
    sa.UniqueConstraint("key_id", "digest"),
    sqlite_autoincrement=True,
)

links = sa.Table(
    "links",
    metadata,
    _of("repositories", primary_key=True),
    _of("blobs", primary_key=True, index=True),
    _when("created_at"),
    sa.Column(
        "idle_since",
        Instant,
        comment="since when nothing but a promise keeps it; NULL while an image here needs it",
    ),
    sa.Index(None, "idle_since", sqlite_where=sa.text("idle_since IS NOT NULL")),
)

uploads = sa.Table(
    "uploads",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _of("repositories", index=True),
    sa.Column("principal", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    _when("created_at"),
    _when("updated_at"),
)

upload_parts = sa.Table(
    "upload_parts",
    metadata,
    _of("uploads", primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, comment="-1: all the others in one"),
    sa.Column("object", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.Text, nullable=False, comment="of this part alone"),
)

images = sa.Table(
    "images",
    metadata,
    _id(),
    _of("repositories"),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("artifact_type", sa.Text),
    sa.Column("subject", sa.Text),
    sa.Column("size", sa.BigInteger, nullable=False, comment="as DescribeImages counts"),
    sa.Column("manifest", sa.LargeBinary, nullable=False, comment="sealed as its blobs are"),
    _when("pushed_at"),
    sa.Column("pulled_at", Instant, comment="last time, to the minute"),
    sa.UniqueConstraint("repository_id", "digest"),
    sa.Index(None, "repository_id", "subject"),
    sqlite_autoincrement=True,
)

tags = sa.Table(
    "tags",
    metadata,
    _of("repositories", primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    _of("images", index=True),
    _when("updated_at"),
)

image_blobs = sa.Table(
    "image_blobs",
    metadata,
    _of("images", primary_key=True),
    _of("blobs", primary_key=True, index=True),
)

image_children = sa.Table(
    "image_children",
    metadata,
    _of("images", primary_key=True),
    sa.Column("digest", sa.Text, primary_key=True, index=True),
)

image_gaps = sa.Table(
    "image_gaps",
    metadata,
    _of("images", primary_key=True),
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
