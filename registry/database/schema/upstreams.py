"""What is fetched from other registries: rules, credentials, and what was compared when."""

from __future__ import annotations

import sqlalchemy as sa

from registry.database.schema.columns import metadata, of, when

pull_through_rules = sa.Table(
    "pull_through_rules",
    metadata,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("region", sa.Text, primary_key=True),
    sa.Column("prefix", sa.Text, primary_key=True),
    sa.Column("url", sa.Text, nullable=False, comment="upstreamRegistryUrl, as given"),
    sa.Column("registry", sa.Text, comment="upstreamRegistry, where it is one that AWS knows"),
    sa.Column("credential_arn", sa.Text),
    sa.Column("custom_role_arn", sa.Text),
    sa.Column("upstream_prefix", sa.Text, nullable=False),
    when("created_at"),
    when("updated_at"),
)

secrets = sa.Table(
    "secrets",
    metadata,
    sa.Column("arn", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("region", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("value", sa.LargeBinary, nullable=False, comment="sealed under the keyring"),
    when("created_at"),
    when("updated_at"),
    sa.UniqueConstraint("account", "region", "name"),
)

upstream_tags = sa.Table(
    "upstream_tags",
    metadata,
    of("repositories", primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False, comment="what the upstream has"),
    sa.Column("previous", sa.Text, comment="what it had before; still here after a crash"),
    when("checked_at"),
)
"""Tags that came from an upstream. One that stands on another digest was moved by a push: it is
the repository's own from then on."""

upstream_images = sa.Table("upstream_images", metadata, of("images", primary_key=True))
"""Images that came from an upstream, and that nobody has pushed since."""

upstream_leases = sa.Table(
    "upstream_leases",
    metadata,
    sa.Column("key", sa.Text, primary_key=True, comment="what is being fetched"),
    sa.Column("holder", sa.Text, nullable=False),
    when("held_until"),
)
