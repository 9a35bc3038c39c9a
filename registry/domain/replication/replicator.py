"""Takes what is due and brings it to its destination, one piece after the other.

Whichever worker holds the lease does it. Each piece is a row that stays due until it is done or
has failed for good, so a crash loses nothing; doing a piece twice does no harm.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from registry.domain.replication.outcome import Stopped
from registry.domain.tasks import Task, now
from registry.values.errors import Unavailable

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.copying.copier import Beat
    from registry.domain.replication.backfills import Backfills
    from registry.domain.replication.pieces import Pieces

SECONDS = 1.0
"""How often a worker looks for something due."""


class Replicator:
    """The replication of one process."""

    def __init__(
        self,
        database: Database,
        pieces: Pieces,
        backfills: Backfills,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._pieces = pieces
        self._backfills = backfills
        self._clock = clock
        self._task = Task(database, "replication")

    def run(self, stop: threading.Event) -> int:
        """Do all that is due now, until `stop` is set; how many steps that were.

        None of it if another process is at it. Raises Unavailable.
        """
        due = self._pieces.waiting(self._clock()) or self._backfills.waiting(self._clock())
        if not due or not self._task.take():
            return 0
        done = 0
        try:
            with suppress(Stopped):
                while self._step(self._beat(stop)):
                    done += 1
        finally:
            with suppress(Unavailable):
                self._task.release(finished=True)
        return done

    def _beat(self, stop: threading.Event) -> Beat:
        def beat() -> None:
            if stop.is_set() or not self._task.renew():
                raise Stopped

        return beat

    def _step(self, beat: Beat) -> bool:
        """One piece; False if nothing is due."""
        beat()
        moment = self._clock()
        return self._backfills.advance(moment) or self._pieces.do(moment, beat)
