"""The tables of `ecs.db`."""

from __future__ import annotations

import sqlalchemy as sa

from registry.database.instant import NAMING, Instant

metadata = sa.MetaData(naming_convention=NAMING)


def _number() -> sa.Column[int]:
    return sa.Column("id", sa.Integer, primary_key=True)


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.Text, primary_key=True)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _scope() -> tuple[sa.Column[str], sa.Column[str]]:
    return _text("account"), _text("region")


def _document() -> sa.Column[object]:
    return sa.Column("document", sa.JSON, nullable=False)


def _cluster() -> sa.Column[int]:
    reference = sa.ForeignKey("clusters.id", ondelete="CASCADE")
    return sa.Column("cluster_id", reference, nullable=False)


clusters = sa.Table(
    "clusters",
    metadata,
    _number(),
    *_scope(),
    _text("name"),
    _text("status"),
    _document(),
    sa.Column("created_at", Instant, nullable=False),
    sa.UniqueConstraint("account", "region", "name"),
    sqlite_autoincrement=True,
)
"""`status`: ACTIVE or INACTIVE. A deleted cluster stays, as callers may still describe it."""

capacity_providers = sa.Table(
    "capacity_providers",
    metadata,
    _number(),
    *_scope(),
    _text("name"),
    _text("status"),
    _document(),
    sa.UniqueConstraint("account", "region", "name"),
    sqlite_autoincrement=True,
)

account_settings = sa.Table(
    "account_settings",
    metadata,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("region", sa.Text, primary_key=True),
    sa.Column("principal", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    _text("value"),
)
"""`principal`: the ARN of a user, role, or of the account's root, which holds the default."""

tags = sa.Table(
    "tags",
    metadata,
    sa.Column("arn", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    _text("value"),
)

container_instances = sa.Table(
    "container_instances",
    metadata,
    _id(),
    _cluster(),
    _text("status"),
    sa.Column("connected", sa.Boolean, nullable=False),
    _document(),
    sa.Column("registered_at", Instant, nullable=False),
    sa.Index(None, "cluster_id", "status"),
)
"""`document`: registeredResources, versionInfo, ec2InstanceId and so on."""

engines = sa.Table(
    "engines",
    metadata,
    _id(),
    sa.Column("connected", sa.Boolean, nullable=False),
    _document(),
)
"""The engine of this machine, `local`, as its agent described it last: every cluster has it as a
container instance."""

attributes = sa.Table(
    "attributes",
    metadata,
    sa.Column(
        "instance_id",
        sa.ForeignKey("container_instances.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text),
    sa.Column("built_in", sa.Boolean, nullable=False),
)
"""`built_in`: the agent brought it; callers can't change it."""

families = sa.Table(
    "families",
    metadata,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("region", sa.Text, primary_key=True),
    sa.Column("family", sa.Text, primary_key=True),
    sa.Column("last_revision", sa.Integer, nullable=False),
)
"""A family's revisions are never given twice, whatever was deleted."""

task_definitions = sa.Table(
    "task_definitions",
    metadata,
    _number(),
    *_scope(),
    _text("family"),
    sa.Column("revision", sa.Integer, nullable=False),
    _text("status"),
    _document(),
    sa.UniqueConstraint("account", "region", "family", "revision"),
    sa.Index(None, "account", "region", "status"),
    sqlite_autoincrement=True,
)
"""`status`: ACTIVE, INACTIVE or DELETE_IN_PROGRESS. `document` never changes but for its dates."""

tasks = sa.Table(
    "tasks",
    metadata,
    _id(),
    _cluster(),
    _text("definition_arn"),
    _text("family"),
    _text("group"),
    sa.Column("service_id", sa.ForeignKey("services.id", ondelete="SET NULL")),
    sa.Column("deployment_id", sa.Text),
    sa.Column("started_by", sa.Text),
    _text("launch_type"),
    sa.Column("instance_id", sa.Text),
    _text("desired_status"),
    _text("last_status"),
    sa.Column("version", sa.Integer, nullable=False),
    _document(),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("stopped_at", Instant),
    sa.Column("counted", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index(None, "cluster_id", "desired_status"),
    sa.Index(None, "service_id"),
    sa.Index(None, "last_status"),
    sa.Index(None, "instance_id"),
)
"""`document`: a Task as DescribeTasks shows it, but for what has a column. `deployment_id`: the
service revision that it runs. `counted`: its service's scheduler has taken note of its end."""

credentials = sa.Table(
    "credentials",
    metadata,
    _id(),
    sa.Column("task_id", sa.ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False),
    _text("kind"),
    _text("role_arn"),
    sa.Column("renew_at", Instant, nullable=False),
    sa.UniqueConstraint("task_id", "kind"),
    sa.Index(None, "renew_at"),
)
"""Which role's credentials a task has; the credentials themselves are with its agent alone.
`kind`: task or execution."""

client_tokens = sa.Table(
    "client_tokens",
    metadata,
    sa.Column("cluster_id", sa.Integer, primary_key=True),
    sa.Column("operation", sa.Text, primary_key=True),
    sa.Column("token", sa.Text, primary_key=True),
    _text("fingerprint"),
    _document(),
    sa.Column("created_at", Instant, nullable=False),
)
"""Requests that may come twice: the same token with the same input is answered the same."""

services = sa.Table(
    "services",
    metadata,
    _number(),
    _cluster(),
    _text("name"),
    _text("status"),
    sa.Column("desired_count", sa.Integer, nullable=False),
    sa.Column("completed_revision", sa.Text),
    _document(),
    sa.Column("created_at", Instant, nullable=False),
    sa.Index(None, "cluster_id", "name"),
    sa.Index(None, "status"),
    sqlite_autoincrement=True,
)
"""`status`: ACTIVE, DRAINING or INACTIVE. `completed_revision`: the one whose rollout was completed
last, to which a deployment that fails goes back."""

revisions = sa.Table(
    "revisions",
    metadata,
    _id(),
    sa.Column("service_id", sa.ForeignKey("services.id", ondelete="CASCADE"), nullable=False),
    _text("status"),
    _document(),
    sa.Column("rollout", sa.JSON, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Index(None, "service_id", "created_at"),
    sa.Index(None, "status"),
)
"""Service revisions, which DescribeServices calls deployments. `document`: what tasks are started
with, unchanging. `status`: PRIMARY (the one that is wanted), ACTIVE (some of its tasks still run),
or INACTIVE. `rollout`: how far it is (`control/scheduling/views.py`, Rollout)."""

deployments = sa.Table(
    "deployments",
    metadata,
    _id(),
    sa.Column("service_id", sa.ForeignKey("services.id", ondelete="CASCADE"), nullable=False),
    _text("status"),
    _text("revision"),
    _document(),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
    sa.Index(None, "service_id", "created_at"),
)
"""Service deployments: each the way from some revisions to another, `revision`."""

service_events = sa.Table(
    "service_events",
    metadata,
    _number(),
    sa.Column("service_id", sa.ForeignKey("services.id", ondelete="CASCADE"), nullable=False),
    _text("message"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Index(None, "service_id"),
    sqlite_autoincrement=True,
)

session_tickets = sa.Table(
    "session_tickets",
    metadata,
    _id(),
    _text("digest"),
    _document(),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Index(None, "expires_at"),
)
"""Sessions of ExecuteCommand whose client has not come yet. `digest`: SHA-256 of the token."""
