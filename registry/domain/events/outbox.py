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
from registry.domain.events.event import PULL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.domain.events.event import Event
    from registry.values.scope import Scope

SERVER = ""
"""The account of a target that gets the events of all."""

_ROWS = 500
"""In one statement."""


_T = event_targets.c
_COLUMNS = [_T.id, _T.account, _T.detail_types, _T.actions, _T.repositories, _T.created_at]
_MINE = sa.and_(_T.account == sa.bindparam("mine"), _T.region == sa.bindparam("here"))
_WANTED = sa.select(*_COLUMNS).where(sa.or_(_T.account == SERVER, _MINE))
_LISTENERS: sa.Select[Any] = sa.select(_T.account, _T.actions)
# Asked in every push: as text it takes a tenth of the time, and most servers have none.
_ANY = "SELECT 1 FROM event_targets LIMIT 1"


def wanted(connection: sa.Connection, scope: Scope) -> Sequence[sa.Row[Any]]:
    """The targets that may want an event of that registry."""
    if connection.exec_driver_sql(_ANY).first() is None:
        return ()
    parameters = {"mine": scope.account, "here": scope.region}
    return connection.execute(_WANTED, parameters).all()


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
    kinds, actions, patterns = target.detail_types, target.actions, target.repositories
    if kinds and event.detail_type not in kinds:
        return False
    if actions and event.action not in actions:
        return False
    if event.action == PULL and not _hears_pulls(target):
        return False
    if event.at is not None and event.at < target.created_at:
        return False  # it is told later than it happened: of before it was asked for
    return not patterns or any(fnmatch.fnmatchcase(event.repository, each) for each in patterns)


def pulls_are_heard(connection: sa.Connection) -> bool:
    """Whether any target of any registry may want events of pulls."""
    return any(_hears_pulls(target) for target in connection.execute(_LISTENERS))


def _hears_pulls(target: sa.Row[Any]) -> bool:
    """AWS tells of no pulls: who wants to hear of them says so. The server's log has all."""
    return PULL in target.actions or (not target.actions and target.account == SERVER)
