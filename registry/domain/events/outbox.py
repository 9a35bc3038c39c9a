"""The outbox: an event is a row, written in the transaction of the change that it tells of.

So no change is without its event and no event without its change, whatever crashes when. There
is a row for each target that wants the event; where none does, nothing is written.
"""

from __future__ import annotations

import fnmatch
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import event_deliveries, event_targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.domain.events.event import Event
    from registry.values.scope import Scope

SERVER = ""
"""The account of a target that gets the events of all."""

_ROWS = 500
"""In one statement."""


def wanted(connection: sa.Connection, scope: Scope) -> Sequence[sa.Row[Any]]:
    """The targets that may want an event of that registry."""
    table = event_targets.c
    mine = sa.and_(table.account == scope.account, table.region == scope.region)
    columns = [table.id, table.detail_types, table.repositories]
    query = sa.select(*columns)
    return connection.execute(query.where(sa.or_(table.account == SERVER, mine))).all()


def record(connection: sa.Connection, *events: Event) -> None:
    """Let the targets be told of what this transaction does, if it is committed.

    All events are of one registry.
    """
    if events and (targets := wanted(connection, events[0].scope)):
        put(connection, targets, events)


def put(connection: sa.Connection, targets: Sequence[sa.Row[Any]], events: Sequence[Event]) -> None:
    """Write down what each of the targets has to get."""
    now = datetime.now(UTC)
    rows = [
        {
            "event_target_id": target.id,
            "event_id": event.id,
            "body": event.body(now),
            "created_at": now,
            "attempts": 0,
        }
        for event in events
        for target in targets
        if wants(target, event)
    ]
    for at in range(0, len(rows), _ROWS):
        connection.execute(sa.insert(event_deliveries), rows[at : at + _ROWS])


def wants(target: sa.Row[Any], event: Event) -> bool:
    """Whether the target's filters let the event through."""
    kinds, patterns = target.detail_types, target.repositories
    if kinds and event.detail_type not in kinds:
        return False
    return not patterns or any(fnmatch.fnmatchcase(event.repository, each) for each in patterns)
