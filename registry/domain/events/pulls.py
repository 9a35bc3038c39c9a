"""Events of pulls: made of what the journal says, each once.

A pull changes nothing, so there is no transaction that its event could belong to: it is in the
journal before the answer, and comes from there into the outbox. How far a page of the journal was
told is a row that is written with its events: a page that is read again, after a crash, is told
from there.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import journals
from registry.domain.events.event import PULL, Event
from registry.domain.events.happenings import image_detail, image_kind
from registry.domain.events.outbox import pulls_are_heard, record, wanted, wants
from registry.values.scope import Scope

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.pull_lines import Pull

_J = journals.c


class PullEvents:
    """Writes them; none, where the settings do not ask for them."""

    def __init__(self, database: Database, *, on: bool) -> None:
        self._database = database
        self._on = on

    def tell(self, page: str, pulls: Sequence[Pull]) -> None:
        """Let the targets that want it know of the next pulls of a page, if they were not told.

        Raises Unavailable; then none was told.
        """
        if not self._on or not pulls or not self._wanted(pulls):
            return
        with self._database.write() as connection:
            told = connection.execute(sa.select(_J.told).where(_J.name == page)).scalar()
            fresh = [pull for pull in pulls if pull.end > (told or 0)]
            for events in _by_registry(fresh).values():
                record(connection, *events)
            if told is None:
                connection.execute(sa.insert(journals).values(name=page, told=pulls[-1].end))
            elif fresh:
                row = sa.update(journals).where(_J.name == page)
                connection.execute(row.values(told=fresh[-1].end))

    def known(self) -> set[str]:
        """The pages of which something was told."""
        with self._database.read() as connection:
            return set(connection.execute(sa.select(_J.name)).scalars())

    def forget(self, pages: Collection[str]) -> None:
        """Forget how far these were told: they are no more. Raises Unavailable."""
        gone = set(pages) & self.known() if pages else set()
        if gone:
            with self._database.write() as connection:
                connection.execute(sa.delete(journals).where(_J.name.in_(gone)))

    def _wanted(self, pulls: Sequence[Pull]) -> bool:
        with self._database.read() as connection:
            return pulls_are_heard(connection) and any(
                wants(target, event)
                for scope, events in _by_registry(pulls).items()
                for target in wanted(connection, scope)
                for event in events
            )


def _by_registry(pulls: Iterable[Pull]) -> dict[Scope, list[Event]]:
    found: dict[Scope, list[Event]] = {}
    for pull in pulls:
        event = _event(pull)
        if event is not None:
            found.setdefault(event.scope, []).append(event)
    return found


def _event(pull: Pull) -> Event | None:
    """None for a line that a disk without power spoilt."""
    try:
        told = pull.described()
        event_id = str(uuid.UUID(hex=pull.id, version=4))
    except (ValueError, TypeError):
        return None
    return Event(
        Scope(told.account, told.region),
        told.repository,
        image_kind(told),
        image_detail(told, PULL, {"image-tag": told.tag} if told.tag else {}),
        at=datetime.fromtimestamp(pull.seconds, UTC),
        id=event_id,
    )
