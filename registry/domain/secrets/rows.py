"""Secrets and their versions, as stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from registry.database.schema import kept_secrets as table
from registry.database.schema import secret_versions as versions
from registry.values.scope import Scope


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a secret; its value is opened by `Secrets.value`."""

    id: str
    kind: str
    """string or binary."""
    sealed: bytes = field(repr=False)
    key_id: str
    stages: tuple[str, ...]
    created_at: datetime
    accessed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Secret:
    """What may be told of a secret."""

    id: int
    arn: str
    scope: Scope
    name: str
    description: str | None
    kms_key: str | None
    type: str | None
    tags: Mapping[str, str]
    policy: str | None
    created_at: datetime
    changed_at: datetime
    accessed_at: datetime | None
    deleted_at: datetime | None
    purge_at: datetime | None


def secret_of(row: sa.Row[Any]) -> Secret:
    """A row as a secret."""
    return Secret(
        id=row.id,
        arn=row.arn,
        scope=Scope(row.account, row.region),
        name=row.name,
        description=row.description,
        kms_key=row.kms_key,
        type=row.type,
        tags=row.tags,
        policy=row.policy,
        created_at=row.created_at,
        changed_at=row.changed_at,
        accessed_at=row.accessed_at,
        deleted_at=row.deleted_at,
        purge_at=row.purge_at,
    )


def versions_of(connection: sa.Connection, secret: int) -> list[Version]:
    """All versions, the oldest first."""
    query = sa.select(versions).where(versions.c.kept_secret_id == secret)
    return [
        Version(
            row.version,
            row.kind,
            row.value,
            row.key_id,
            tuple(row.stages),
            row.created_at,
            row.accessed_at,
        )
        for row in connection.execute(query.order_by(versions.c.created_at, versions.c.version))
    ]


def set_stages(
    connection: sa.Connection, secret: int, before: Sequence[Version], after: Mapping[str, Any]
) -> None:
    """Write the stages of the versions where they changed."""
    for each in before:
        if tuple(after[each.id]) != each.stages:
            update = sa.update(versions).where(
                versions.c.kept_secret_id == secret, versions.c.version == each.id
            )
            connection.execute(update.values(stages=list(after[each.id])))


def named(scope: Scope, name: str) -> sa.Select[Any]:
    """The secret of a name."""
    return sa.select(table).where(
        table.c.account == scope.account, table.c.region == scope.region, table.c.name == name
    )
