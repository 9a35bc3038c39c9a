"""The first tables: identities, repositories, blobs, uploads, images."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "accounts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
    )
    op.create_table(
        "attachments",
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("policy_arn", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "policy_arn", name=op.f("pk_attachments")),
    )
    op.create_index(op.f("ix_attachments_policy_arn"), "attachments", ["policy_arn"], unique=False)
    op.create_table(
        "backfills",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("to_account", sa.Text(), nullable=False),
        sa.Column("to_region", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("failure_code", sa.Text(), nullable=True),
        sa.Column("prepared", sa.Boolean(), nullable=False, comment="all its items are there"),
        sa.Column("after_image", sa.BigInteger(), nullable=False, comment="looked at up to here"),
        sa.Column(
            "up_to_image", sa.BigInteger(), nullable=False, comment="the newest at its start"
        ),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backfills")),
    )
    op.create_index(
        op.f("ix_backfills_account_region_started_at"),
        "backfills",
        ["account", "region", "started_at"],
        unique=False,
    )
    op.create_table(
        "blobs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False, comment="last part of its storage path"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blobs")),
        sa.UniqueConstraint("key_id", "digest", name=op.f("uq_blobs_key_id_digest")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "creation_templates",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False, comment="by the names of ECR's model"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "region", "prefix", name=op.f("pk_creation_templates")),
    )
    op.create_table(
        "event_targets",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account", sa.Text(), nullable=False, comment="empty: the server's own log"),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False, comment="sealed under the keyring"),
        sa.Column("detail_types", sa.JSON(), nullable=False, comment="none: every one"),
        sa.Column("actions", sa.JSON(), nullable=False, comment="none: every one but PULL"),
        sa.Column("repositories", sa.JSON(), nullable=False, comment="patterns; none: every one"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True, comment="not before; NULL: at once"),
        sa.Column("failures", sa.Integer(), nullable=False, comment="since something arrived last"),
        sa.Column("error", sa.Text(), nullable=True, comment="of the last failure"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_targets")),
        sa.UniqueConstraint(
            "account", "region", "name", name=op.f("uq_event_targets_account_region_name")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "image_reporters",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("reported_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_image_reporters")),
        sa.UniqueConstraint(
            "account", "region", "name", name=op.f("uq_image_reporters_account_region_name")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_image_reporters_expires_at"), "image_reporters", ["expires_at"], unique=False
    )
    op.create_table(
        "inline_policies",
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "name", name=op.f("pk_inline_policies")),
    )
    op.create_table(
        "key_grants",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False, comment="in the keyring"),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("issuer", sa.Text(), nullable=False, comment="account"),
        sa.Column("grantee", sa.Text(), nullable=False),
        sa.Column("retiring", sa.Text(), nullable=True),
        sa.Column("operations", sa.JSON(), nullable=False),
        sa.Column("constraints", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_grants")),
    )
    op.create_index(op.f("ix_key_grants_key_id"), "key_grants", ["key_id"], unique=False)
    op.create_index(op.f("ix_key_grants_retiring"), "key_grants", ["retiring"], unique=False)
    op.create_table(
        "leftovers",
        sa.Column("path", sa.Text(), nullable=False, comment="in storage; nothing refers to it"),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_leftovers")),
    )
    op.create_table(
        "public_aliases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("chosen", sa.Boolean(), nullable=False, comment="by somebody; else made up here"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_public_aliases")),
    )
    op.create_index(op.f("ix_public_aliases_account"), "public_aliases", ["account"], unique=False)
    op.create_table(
        "public_registries",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_public_registries")),
    )
    op.create_table(
        "pull_through_rules",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False, comment="upstreamRegistryUrl, as given"),
        sa.Column(
            "registry",
            sa.Text(),
            nullable=True,
            comment="upstreamRegistry, where it is one that AWS knows",
        ),
        sa.Column("credential_arn", sa.Text(), nullable=True),
        sa.Column("custom_role_arn", sa.Text(), nullable=True),
        sa.Column("upstream_prefix", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "region", "prefix", name=op.f("pk_pull_through_rules")),
    )
    op.create_table(
        "pull_time_exclusions",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("principal_arn", sa.Text(), nullable=False, comment="whose pulls do not count"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "account", "region", "principal_arn", name=op.f("pk_pull_time_exclusions")
        ),
    )
    op.create_table(
        "quotas",
        sa.Column("account", sa.Text(), nullable=False, comment="empty: every account"),
        sa.Column("region", sa.Text(), nullable=False, comment="empty: the account as a whole"),
        sa.Column("repository", sa.Text(), nullable=False, comment="empty: the account as a whole"),
        sa.Column("limits", sa.JSON(), nullable=False, comment="by name; null stands for none"),
        sa.PrimaryKeyConstraint("account", "region", "repository", name=op.f("pk_quotas")),
    )
    op.create_table(
        "registry_settings",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "region", "name", name=op.f("pk_registry_settings")),
    )
    op.create_table(
        "replicated_deletions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=True, comment="NULL: the image itself"),
        sa.Column("to_account", sa.Text(), nullable=False),
        sa.Column("to_region", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="that have failed"),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replicated_deletions")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_replicated_deletions_due_at"), "replicated_deletions", ["due_at"], unique=False
    )
    op.create_table(
        "repositories",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mutability", sa.Text(), nullable=False),
        sa.Column("mutability_exclusions", sa.JSON(), nullable=False),
        sa.Column("encryption_type", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False, comment="name space of its blobs"),
        sa.Column("scan_on_push", sa.Boolean(), nullable=False),
        sa.Column("resource_tags", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column(
            "bytes",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="of all that is linked",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repositories")),
        sa.UniqueConstraint(
            "account", "region", "name", name=op.f("uq_repositories_account_region_name")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "secrets",
        sa.Column("arn", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False, comment="sealed under the keyring"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("arn", name=op.f("pk_secrets")),
        sa.UniqueConstraint(
            "account", "region", "name", name=op.f("uq_secrets_account_region_name")
        ),
    )
    op.create_table(
        "tasks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=True, comment="who does it now"),
        sa.Column("held_until", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.JSON(), nullable=False, comment="where to go on"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_tasks")),
    )
    op.create_table(
        "upstream_leases",
        sa.Column("key", sa.Text(), nullable=False, comment="what is being fetched"),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("held_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_upstream_leases")),
    )
    op.create_table(
        "backfill_items",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("backfill_id", sa.Text(), nullable=False),
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False, comment="IN_PROGRESS, COMPLETE, FAILED"),
        sa.Column("failure_code", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="that have failed"),
        sa.Column(
            "due_at",
            sa.BigInteger(),
            nullable=True,
            comment="when to try next; NULL where it has ended",
        ),
        sa.ForeignKeyConstraint(
            ["backfill_id"],
            ["backfills.id"],
            name=op.f("fk_backfill_items_backfill_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backfill_items")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_backfill_items_backfill_id_status"),
        "backfill_items",
        ["backfill_id", "status"],
        unique=False,
    )
    op.create_index(
        op.f("ix_backfill_items_due_at"),
        "backfill_items",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_table(
        "catalog_data",
        sa.Column(
            "repository_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column(
            "document", sa.JSON(), nullable=False, comment="by the names of ECR Public's model"
        ),
        sa.Column("logo", sa.LargeBinary(), nullable=True),
        sa.Column("logo_type", sa.Text(), nullable=True, comment="its media type"),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_catalog_data_repository_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("repository_id", name=op.f("pk_catalog_data")),
    )
    op.create_table(
        "event_deliveries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "event_target_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False, comment="the event as it is sent"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("dead_at", sa.BigInteger(), nullable=True, comment="since when it is given up"),
        sa.Column("error", sa.Text(), nullable=True, comment="why"),
        sa.ForeignKeyConstraint(
            ["event_target_id"],
            ["event_targets.id"],
            name=op.f("fk_event_deliveries_event_target_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_deliveries")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_event_deliveries_target",
        "event_deliveries",
        ["event_target_id", "dead_at", "id"],
        unique=False,
    )
    op.create_table(
        "gates",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "document", sa.Text(), nullable=False, comment="checked: domain/policyfiles/gate.py"
        ),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_gates_account")),
        sa.PrimaryKeyConstraint("account", "region", "name", name=op.f("pk_gates")),
    )
    op.create_table(
        "groups",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(collation="NOCASE"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_groups_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
        sa.UniqueConstraint("account", "name", name=op.f("uq_groups_account_name")),
    )
    op.create_table(
        "images",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "repository_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("artifact_type", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="as DescribeImages counts"),
        sa.Column("manifest", sa.LargeBinary(), nullable=False, comment="sealed as its blobs are"),
        sa.Column("key_id", sa.Text(), nullable=False, comment="what its manifest is sealed under"),
        sa.Column("pushed_at", sa.BigInteger(), nullable=False),
        sa.Column("pulled_at", sa.BigInteger(), nullable=True, comment="last time, to the minute"),
        sa.Column(
            "status", sa.Text(), server_default="ACTIVE", nullable=False, comment="imageStatus"
        ),
        sa.Column("archived_at", sa.BigInteger(), nullable=True, comment="last time"),
        sa.Column(
            "activated_at",
            sa.BigInteger(),
            nullable=True,
            comment="last time it came back from the archive",
        ),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_images_repository_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_images")),
        sa.UniqueConstraint("repository_id", "digest", name=op.f("uq_images_repository_id_digest")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_images_repository_id_subject"),
        "images",
        ["repository_id", "subject"],
        unique=False,
    )
    op.create_table(
        "images_in_use",
        sa.Column(
            "image_reporter_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
        ),
        sa.Column("repository", sa.Text(), nullable=False, comment="by name: it may come later"),
        sa.Column("reference", sa.Text(), nullable=False, comment="a digest or a tag"),
        sa.ForeignKeyConstraint(
            ["image_reporter_id"],
            ["image_reporters.id"],
            name=op.f("fk_images_in_use_image_reporter_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "image_reporter_id", "repository", "reference", name=op.f("pk_images_in_use")
        ),
    )
    op.create_table(
        "instance_profiles",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(collation="NOCASE"), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.id"], name=op.f("fk_instance_profiles_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instance_profiles")),
        sa.UniqueConstraint("account", "name", name=op.f("uq_instance_profiles_account_name")),
    )
    op.create_table(
        "lifecycle_policies",
        sa.Column(
            "repository_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column(
            "document", sa.Text(), nullable=False, comment="rules in the order of priorities"
        ),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False, comment="when it is to run next"),
        sa.Column(
            "evaluated_at", sa.BigInteger(), nullable=True, comment="when it ran last, to the end"
        ),
        sa.Column("last_run", sa.JSON(), nullable=True, comment="what that did"),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_lifecycle_policies_repository_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("repository_id", name=op.f("pk_lifecycle_policies")),
    )
    op.create_index(
        op.f("ix_lifecycle_policies_due_at"), "lifecycle_policies", ["due_at"], unique=False
    )
    op.create_table(
        "lifecycle_previews",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "repository_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False, comment="the model's word"),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("expiring", sa.Integer(), nullable=False, comment="images that would go"),
        sa.Column(
            "archiving", sa.Integer(), nullable=False, comment="images that would be archived"
        ),
        sa.Column("freed", sa.BigInteger(), nullable=False, comment="bytes of blobs that would go"),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_lifecycle_previews_repository_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lifecycle_previews")),
        sa.UniqueConstraint("repository_id", name=op.f("uq_lifecycle_previews_repository_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_lifecycle_previews_status"), "lifecycle_previews", ["status"], unique=False
    )
    op.create_table(
        "links",
        sa.Column(
            "repository_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("blob_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column(
            "idle_since",
            sa.BigInteger(),
            nullable=True,
            comment="since when nothing but a promise keeps it; NULL while an image here needs it",
        ),
        sa.Column(
            "withdrawn",
            sa.Boolean(),
            server_default=sa.text("0"),
            nullable=False,
            comment="its image was deleted: not served, and kept for pushes under way alone",
        ),
        sa.ForeignKeyConstraint(
            ["blob_id"], ["blobs.id"], name=op.f("fk_links_blob_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_links_repository_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("repository_id", "blob_id", name=op.f("pk_links")),
    )
    op.create_index(op.f("ix_links_blob_id"), "links", ["blob_id"], unique=False)
    op.create_index(
        op.f("ix_links_idle_since"),
        "links",
        ["idle_since"],
        unique=False,
        sqlite_where=sa.text("idle_since IS NOT NULL"),
    )
    op.create_table(
        "policies",
        sa.Column("arn", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(collation="NOCASE"), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("default_version", sa.Text(), nullable=False),
        sa.Column(
            "versions_made", sa.Integer(), nullable=False, comment="numbers are not used again"
        ),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_policies_account")),
        sa.PrimaryKeyConstraint("arn", name=op.f("pk_policies")),
        sa.UniqueConstraint("account", "name", name=op.f("uq_policies_account_name")),
        sa.UniqueConstraint("id", name=op.f("uq_policies_id")),
    )
    op.create_table(
        "policy_files",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False, comment="empty where a kind has none"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "mark", sa.Text(), nullable=False, comment="tells it from a later one of its name"
        ),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_policy_files_account")),
        sa.PrimaryKeyConstraint("account", "region", "kind", "name", name=op.f("pk_policy_files")),
    )
    op.create_table(
        "protections",
        sa.Column(
            "repository_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column(
            "repository", sa.Boolean(), nullable=False, comment="whether it itself is protected"
        ),
        sa.Column("tags", sa.JSON(), nullable=False, comment="patterns"),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_protections_repository_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("repository_id", name=op.f("pk_protections")),
    )
    op.create_table(
        "rekeys",
        sa.Column(
            "repository_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("key_id", sa.Text(), nullable=False, comment="the key that it leaves"),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column(
            "finished_at",
            sa.BigInteger(),
            nullable=True,
            comment="NULL while anything of it may lie there",
        ),
        sa.Column("blobs", sa.BigInteger(), nullable=False, comment="moved so far"),
        sa.Column("blob_bytes", sa.BigInteger(), nullable=False),
        sa.Column("manifests", sa.BigInteger(), nullable=False),
        sa.Column(
            "problem", sa.Text(), nullable=True, comment="what kept the last try from its end"
        ),
        sa.Column("tried_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_rekeys_repository_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("repository_id", "key_id", name=op.f("pk_rekeys")),
    )
    op.create_index(
        op.f("ix_rekeys_started_at"),
        "rekeys",
        ["started_at"],
        unique=False,
        sqlite_where=sa.text("finished_at IS NULL"),
    )
    op.create_table(
        "repository_policies",
        sa.Column(
            "repository_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_repository_policies_repository_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("repository_id", name=op.f("pk_repository_policies")),
    )
    op.create_table(
        "resting",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="repository, image or tag"),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("repository", sa.Text(), nullable=False, comment="its name, as it was"),
        sa.Column(
            "digest",
            sa.Text(),
            nullable=True,
            comment="of the image; of a tag, the one it stood on",
        ),
        sa.Column("tags", sa.JSON(), nullable=False, comment="that went with it"),
        sa.Column(
            "shadow_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="the repository that holds it now, which nobody can name; none for a tag",
        ),
        sa.Column("deleted_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("ending", sa.Boolean(), nullable=False, comment="it is being freed"),
        sa.ForeignKeyConstraint(
            ["shadow_id"],
            ["repositories.id"],
            name=op.f("fk_resting_shadow_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resting")),
        sa.UniqueConstraint("shadow_id", name=op.f("uq_resting_shadow_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_resting_account_region_repository_id"),
        "resting",
        ["account", "region", "repository", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_resting_until"), "resting", ["until"], unique=False)
    op.create_table(
        "roles",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(collation="NOCASE"), nullable=False),
        sa.Column("trust_policy", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("session_seconds", sa.Integer(), nullable=False, comment="at most"),
        sa.Column("boundary", sa.Text(), nullable=True, comment="ARN of a managed policy"),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_roles_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roles")),
        sa.UniqueConstraint("account", "name", name=op.f("uq_roles_account_name")),
    )
    op.create_table(
        "uploads",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column(
            "repository_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False, comment="name space of its parts"),
        sa.Column(
            "replaces",
            sa.BigInteger(),
            nullable=True,
            comment="blob of which it is another copy; no other",
        ),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_uploads_repository_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    op.create_index(op.f("ix_uploads_repository_id"), "uploads", ["repository_id"], unique=False)
    op.create_table(
        "upstream_tags",
        sa.Column(
            "repository_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False, comment="what the upstream has"),
        sa.Column(
            "previous",
            sa.Text(),
            nullable=True,
            comment="what it had before; still here after a crash",
        ),
        sa.Column("checked_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_upstream_tags_repository_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("repository_id", "name", name=op.f("pk_upstream_tags")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(collation="NOCASE"), nullable=False),
        sa.Column("boundary", sa.Text(), nullable=True, comment="ARN of a managed policy"),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_users_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("account", "name", name=op.f("uq_users_account_name")),
    )
    op.create_table(
        "access_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False, comment="sealed under the keyring"),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_access_keys_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_keys")),
    )
    op.create_index(op.f("ix_access_keys_user_id"), "access_keys", ["user_id"], unique=False)
    op.create_table(
        "group_members",
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name=op.f("fk_group_members_group_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_group_members_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "user_id", name=op.f("pk_group_members")),
    )
    op.create_index(op.f("ix_group_members_user_id"), "group_members", ["user_id"], unique=False)
    op.create_table(
        "image_blobs",
        sa.Column("image_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("blob_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["blob_id"], ["blobs.id"], name=op.f("fk_image_blobs_blob_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_image_blobs_image_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("image_id", "blob_id", name=op.f("pk_image_blobs")),
    )
    op.create_index(op.f("ix_image_blobs_blob_id"), "image_blobs", ["blob_id"], unique=False)
    op.create_table(
        "image_children",
        sa.Column("image_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_image_children_image_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("image_id", "digest", name=op.f("pk_image_children")),
    )
    op.create_index(op.f("ix_image_children_digest"), "image_children", ["digest"], unique=False)
    op.create_table(
        "image_gaps",
        sa.Column("image_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_image_gaps_image_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("image_id", "digest", name=op.f("pk_image_gaps")),
    )
    op.create_index(op.f("ix_image_gaps_digest"), "image_gaps", ["digest"], unique=False)
    op.create_table(
        "image_signatures",
        sa.Column("image_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("profile_arn", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False, comment="SigningStatus of ECR's model"),
        sa.Column("failure_code", sa.Text(), nullable=True),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"],
            ["images.id"],
            name=op.f("fk_image_signatures_image_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("image_id", "profile_arn", name=op.f("pk_image_signatures")),
    )
    op.create_index(
        op.f("ix_image_signatures_status"),
        "image_signatures",
        ["status"],
        unique=False,
        sqlite_where=sa.text("status = 'IN_PROGRESS'"),
    )
    op.create_table(
        "lifecycle_notices",
        sa.Column("image_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "repository_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("noticed_at", sa.BigInteger(), nullable=False),
        sa.Column("acts_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"],
            ["images.id"],
            name=op.f("fk_lifecycle_notices_image_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_lifecycle_notices_repository_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("image_id", name=op.f("pk_lifecycle_notices")),
    )
    op.create_index(
        op.f("ix_lifecycle_notices_repository_id"),
        "lifecycle_notices",
        ["repository_id"],
        unique=False,
    )
    op.create_table(
        "lifecycle_preview_results",
        sa.Column(
            "lifecycle_preview_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
        ),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("pushed_at", sa.BigInteger(), nullable=False),
        sa.Column("storage", sa.Text(), nullable=False),
        sa.Column("expires", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["lifecycle_preview_id"],
            ["lifecycle_previews.id"],
            name=op.f("fk_lifecycle_preview_results_lifecycle_preview_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "lifecycle_preview_id", "number", name=op.f("pk_lifecycle_preview_results")
        ),
    )
    op.create_table(
        "orphans",
        sa.Column("image_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "repository_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_orphans_image_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_orphans_repository_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("image_id", name=op.f("pk_orphans")),
    )
    op.create_index(op.f("ix_orphans_repository_id"), "orphans", ["repository_id"], unique=False)
    op.create_index(op.f("ix_orphans_since"), "orphans", ["since"], unique=False)
    op.create_table(
        "policy_versions",
        sa.Column("policy_arn", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["policy_arn"],
            ["policies.arn"],
            name=op.f("fk_policy_versions_policy_arn"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("policy_arn", "version", name=op.f("pk_policy_versions")),
    )
    op.create_table(
        "profile_roles",
        sa.Column("instance_profile_id", sa.Text(), nullable=False),
        sa.Column("role_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_profile_id"],
            ["instance_profiles.id"],
            name=op.f("fk_profile_roles_instance_profile_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["role_id"], ["roles.id"], name=op.f("fk_profile_roles_role_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("instance_profile_id", "role_id", name=op.f("pk_profile_roles")),
    )
    op.create_index(op.f("ix_profile_roles_role_id"), "profile_roles", ["role_id"], unique=False)
    op.create_table(
        "replications",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("image_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("to_account", sa.Text(), nullable=False),
        sa.Column("to_region", sa.Text(), nullable=False),
        sa.Column(
            "mark", sa.Integer(), nullable=False, comment="one more for each change to bring over"
        ),
        sa.Column("status", sa.Text(), nullable=False, comment="IN_PROGRESS, COMPLETE, FAILED"),
        sa.Column("failure_code", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="that have failed"),
        sa.Column(
            "due_at",
            sa.BigInteger(),
            nullable=True,
            comment="when to try next; NULL where it has ended",
        ),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_replications_image_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replications")),
        sa.UniqueConstraint(
            "image_id",
            "to_account",
            "to_region",
            name=op.f("uq_replications_image_id_to_account_to_region"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_replications_due_at"),
        "replications",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_table(
        "robots",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "document", sa.Text(), nullable=False, comment="a session policy: what it may do"
        ),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_robots_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_robots")),
        sa.UniqueConstraint("user_id", "name", name=op.f("uq_robots_user_id_name")),
    )
    op.create_index(op.f("ix_robots_user_id"), "robots", ["user_id"], unique=False)
    op.create_table(
        "scan_reports",
        sa.Column("image_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("report", sa.LargeBinary(), nullable=False, comment="the scanner's own"),
        sa.Column("findings", sa.LargeBinary(), nullable=False, comment="what was read out of it"),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_scan_reports_image_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("image_id", name=op.f("pk_scan_reports")),
    )
    op.create_table(
        "scans",
        sa.Column("image_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "status", sa.Text(), nullable=False, comment="as domain/scanning/states.py has it"
        ),
        sa.Column("description", sa.Text(), nullable=False, comment="of the status, for people"),
        sa.Column(
            "cause", sa.Text(), nullable=False, comment="of the last one: push, manual, rescan"
        ),
        sa.Column(
            "missing", sa.Boolean(), nullable=False, comment="it failed for want of a scanner"
        ),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column(
            "ended_at", sa.BigInteger(), nullable=True, comment="last time, whatever came of it"
        ),
        sa.Column(
            "completed_at",
            sa.BigInteger(),
            nullable=True,
            comment="when what was found last was found",
        ),
        sa.Column("scanner", sa.Text(), nullable=True, comment="that found it"),
        sa.Column("scanner_version", sa.Text(), nullable=True),
        sa.Column(
            "database_at",
            sa.BigInteger(),
            nullable=True,
            comment="when the scanner's database was made",
        ),
        sa.Column("counts", sa.JSON(), nullable=False, comment="findings by severity"),
        sa.Column(
            "due_at",
            sa.BigInteger(),
            nullable=True,
            comment="when to scan; NULL where nothing is to be done",
        ),
        sa.Column(
            "attempts", sa.Integer(), nullable=False, comment="that were begun since it was due"
        ),
        sa.Column("holder", sa.Text(), nullable=True, comment="who scans now"),
        sa.Column("held_until", sa.BigInteger(), nullable=True),
        sa.Column(
            "day_began",
            sa.BigInteger(),
            nullable=True,
            comment="from when the scans of a day are counted",
        ),
        sa.Column("day_count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_scans_image_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("image_id", name=op.f("pk_scans")),
    )
    op.create_index(
        op.f("ix_scans_due_at"),
        "scans",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_scans_held_until"),
        "scans",
        ["held_until"],
        unique=False,
        sqlite_where=sa.text("held_until IS NOT NULL"),
    )
    op.create_table(
        "tags",
        sa.Column(
            "repository_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("image_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_tags_image_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_tags_repository_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("repository_id", "name", name=op.f("pk_tags")),
    )
    op.create_index(op.f("ix_tags_image_id"), "tags", ["image_id"], unique=False)
    op.create_table(
        "upload_parts",
        sa.Column("upload_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="-1: all the others in one"),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False, comment="of this part alone"),
        sa.ForeignKeyConstraint(
            ["upload_id"],
            ["uploads.id"],
            name=op.f("fk_upload_parts_upload_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("upload_id", "number", name=op.f("pk_upload_parts")),
    )
