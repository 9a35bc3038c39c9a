"""What is to be replicated: rows that a push or a deletion leaves in its own transaction.

So nothing is lost by a crash, and nothing is replicated that did not happen.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from registry.database.schema import images, replicated_deletions, replications, repositories, tags
from registry.domain.replication.rules import destinations, rules
from registry.domain.upstreams import provenance
from registry.values.scope import Scope

IN_PROGRESS, COMPLETE, FAILED = "IN_PROGRESS", "COMPLETE", "FAILED"
"""ECR's ReplicationStatus."""


def pushed(connection: sa.Connection, image_id: int) -> None:
    """An image came, or a tag of it: let it go where the rules of its registry say."""
    provenance.was_pushed(connection, image_id)
    found = _repository_of(connection, image_id)
    if found is None:
        return
    scope = Scope(found["account"], found["region"])
    for destination in destinations(rules(connection, scope), found["name"]):
        note(connection, image_id, destination)


def restored(connection: sa.Connection, image_id: int) -> None:
    """An image was undeleted: to everybody else a push, unless it is an upstream's."""
    query = sa.select(images.c.id).where(images.c.id == image_id, provenance.pushed())
    if connection.execute(query).first() is not None:
        pushed(connection, image_id)


def note(
    connection: sa.Connection, image_id: int, destination: Scope, status: str = IN_PROGRESS
) -> None:
    """The image is to go there now; or, with another status, it has been tried."""
    now = datetime.now(UTC)
    mine = sa.and_(
        replications.c.image_id == image_id,
        replications.c.to_account == destination.account,
        replications.c.to_region == destination.region,
    )
    values: dict[str, Any] = {
        "status": status,
        "failure_code": None,
        "attempts": 0,
        "due_at": now if status == IN_PROGRESS else None,
        "updated_at": now,
    }
    again = sa.update(replications).where(mine).values(**values, mark=replications.c.mark + 1)
    if connection.execute(again).rowcount == 0:
        place = {"to_account": destination.account, "to_region": destination.region}
        connection.execute(
            sa.insert(replications).values(image_id=image_id, **place, **values, mark=0)
        )


def deleted(connection: sa.Connection, image_id: int, tag: str | None = None) -> None:
    """An image is about to go, or one tag of it: let it go elsewhere too, if the rules say so."""
    found = _repository_of(connection, image_id)
    if found is None:
        return
    scope = Scope(found["account"], found["region"])
    where = destinations(rules(connection, scope), found["name"], deletions=True)
    if not where:
        return
    standing = sa.select(tags.c.name).where(tags.c.image_id == image_id).order_by(tags.c.name)
    named = [tag] if tag else [*connection.execute(standing).scalars(), None]
    now = datetime.now(UTC)
    new = [
        {
            "account": scope.account,
            "region": scope.region,
            "repository": found["name"],
            "digest": found["digest"],
            "tag": each,
            "to_account": destination.account,
            "to_region": destination.region,
            "attempts": 0,
            "due_at": now,
        }
        for destination in where
        for each in named
    ]
    connection.execute(sa.insert(replicated_deletions), new)


def _repository_of(connection: sa.Connection, image_id: int) -> sa.RowMapping | None:
    query = (
        sa.select(
            repositories.c.account, repositories.c.region, repositories.c.name, images.c.digest
        )
        .join(images, images.c.repository_id == repositories.c.id)
        .where(images.c.id == image_id)
    )
    return connection.execute(query).mappings().first()
