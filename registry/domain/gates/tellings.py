"""Events of refusals: one for each image, gate, rule and day (UTC), however often a pull is tried.

The event and the row that says that it was told are one transaction, before the refusal is
answered. Where nobody wants to hear of it nothing is written.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import gate_tellings
from registry.domain import events
from registry.domain.events.outbox import wanted
from registry.domain.tasks import now
from registry.values.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.database.database import Database
    from registry.domain.gates.weighing import Refusal
    from registry.domain.repositories import Repository

KNOWN_MAX = 10_000
"""Refusals that are known to be told, without asking the database."""
_KEPT = timedelta(days=2)

_log = logging.getLogger("moorage.gates")


class Tellings:
    """Tells of each once."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._clock = clock
        self._known: set[tuple[Any, ...]] = set()
        self._lock = threading.Lock()

    def tell(self, repository: Repository, refusal: Refusal, who: str) -> None:
        """Tell of a refusal, or of what would be one; `who` is the ARN of who is refused.

        Never raises: what cannot be told is refused all the same, and told the next time.
        """
        moment = self._clock()
        row = _row(repository, refusal, moment)
        key = tuple(row.values())
        with self._lock:
            if key in self._known:
                return
        try:
            told = self._told(repository, row)
            if told is False:
                told = self._tell(repository, refusal, who, row, moment)
        except Unavailable as error:
            _log.warning("a refusal is not told of: %s", error)
            return
        if told:
            with self._lock:
                if len(self._known) >= KNOWN_MAX:
                    self._known.clear()
                self._known.add(key)

    def _told(self, repository: Repository, row: dict[str, Any]) -> bool | None:
        """Whether it is told already; None where nobody wants to hear of it."""
        with self._database.read() as connection:
            if not wanted(connection, repository.scope):
                return None
            return connection.execute(_find(row)).first() is not None

    def _tell(
        self,
        repository: Repository,
        refusal: Refusal,
        who: str,
        row: dict[str, Any],
        moment: datetime,
    ) -> bool:
        with self._database.write() as connection:
            if not wanted(connection, repository.scope):
                return False
            if connection.execute(_find(row)).first() is None:
                connection.execute(sa.insert(gate_tellings).values(row))
                events.gated(connection, repository, refusal.detail, refusal.message,
                             who=who, dry_run=refusal.dry_run)  # fmt: skip
            old = gate_tellings.c.day < _day(moment - _KEPT)
            connection.execute(sa.delete(gate_tellings).where(old))
        return True


def _row(repository: Repository, refusal: Refusal, moment: datetime) -> dict[str, Any]:
    return {
        "repository_id": repository.id,
        "digest": refusal.digest,
        "gate": refusal.gate,
        "rule": refusal.rule,
        "outcome": "would_refuse" if refusal.dry_run else "refused",
        "day": _day(moment),
    }


def _find(row: dict[str, Any]) -> sa.Select[Any]:
    mine = (gate_tellings.c[name] == value for name, value in row.items())
    return sa.select(gate_tellings.c.day).where(*mine)


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")
