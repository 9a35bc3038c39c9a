"""Images that are about to expire, where that is announced before: a row for each.

The row is the notice, and its event is recorded in the transaction that writes it, so nobody is
told twice, nor of what a crash undid.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import images, lifecycle_notices
from registry.domain.events import about_to_expire

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.lifecycle.evaluation import Selection
    from registry.domain.repositories import Repository

_BATCH = 200
"""Notices in one transaction."""


def announce(
    database: Database,
    repository: Repository,
    expiring: Sequence[Selection],
    *,
    moment: datetime,
    acts_at: datetime,
) -> dict[int, datetime]:
    """Give notice of all that are new, take it back of all others; by image id, when it acts."""
    known = _known(database, repository)
    wanted = {each.image.id: each for each in expiring}
    if withdrawn := [each for each in known if each not in wanted]:
        with database.write() as connection:
            withdraw(connection, withdrawn)
    new = [each for each in expiring if each.image.id not in known]
    for at in range(0, len(new), _BATCH):
        with database.write() as connection:
            for each in new[at : at + _BATCH]:
                _give(connection, repository, each, moment, acts_at)
    return {each: known.get(each, acts_at) for each in wanted}


def withdraw(connection: sa.Connection, image_ids: Sequence[int]) -> None:
    """They are gone: one that is brought back is announced anew."""
    for at in range(0, len(image_ids), _BATCH):
        gone = lifecycle_notices.c.image_id.in_(image_ids[at : at + _BATCH])
        connection.execute(sa.delete(lifecycle_notices).where(gone))


def _known(database: Database, repository: Repository) -> dict[int, datetime]:
    notices = lifecycle_notices.c
    query = sa.select(notices.image_id, notices.acts_at).where(
        notices.repository_id == repository.id
    )
    with database.read() as connection:
        return {row.image_id: row.acts_at for row in connection.execute(query)}


def _give(
    connection: sa.Connection,
    repository: Repository,
    selection: Selection,
    moment: datetime,
    acts_at: datetime,
) -> None:
    """Write the row and its event, unless the image has gone meanwhile."""
    there = sa.select(images.c.id).where(images.c.id == selection.image.id)
    if connection.execute(there).first() is None:
        return
    connection.execute(
        sa.insert(lifecycle_notices).values(
            image_id=selection.image.id,
            repository_id=repository.id,
            priority=selection.priority,
            noticed_at=moment,
            acts_at=acts_at,
        )
    )
    about_to_expire(
        connection,
        repository,
        selection.image.digest,
        selection.image.tags,
        rule_priority=selection.priority,
        expires_at=acts_at,
    )
