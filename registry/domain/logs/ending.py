"""What goes by itself: events past their group's retention, and blocks of deleted streams.

A few rows in each transaction, so that nobody who writes waits long; what a crash leaves is found
again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.domain.logs.groups import now
from registry.domain.logs.tables import doomed_streams, log_blocks, log_groups
from registry.domain.tasks import Task

if TYPE_CHECKING:
    from registry.database.database import Database

SECONDS = 15.0
"""How often a worker looks whether there is something to do."""
EVERY = timedelta(minutes=1)
"""How often all workers together do it."""
_AT_ONCE = 500
_DAY = 86_400_000


class Ending:
    """Deletes blocks whose time is over."""

    def __init__(
        self, database: Database, metadata: Database, clock: Callable[[], int] = now
    ) -> None:
        """`metadata` is the registry's own database: it knows which process does it."""
        self._database = database
        self._task = Task(metadata, "logs")
        self._clock = clock

    def run(self, stop: threading.Event) -> None:
        """Delete what is due, if no other worker has just done so. Raises Unavailable."""
        if not self._task.take(EVERY):
            return
        finished = False
        try:
            finished = self._delete(stop)
        finally:
            self._task.release(finished=finished)

    def _delete(self, stop: threading.Event) -> bool:
        """Whether nothing is left to do."""
        for step in (self._doomed, self._expired):
            while step():
                if stop.is_set() or not self._task.renew():
                    return False
        return True

    def _doomed(self) -> bool:
        """Some blocks of a deleted stream; whether there was one."""
        with self._database.read() as connection:
            stream = connection.execute(sa.select(doomed_streams.c.stream_id).limit(1)).scalar()
        if stream is None:
            return False
        of_stream = sa.select(log_blocks.c.id).where(log_blocks.c.stream_id == stream)
        with self._database.write() as connection:
            gone = sa.delete(log_blocks).where(log_blocks.c.id.in_(of_stream.limit(_AT_ONCE)))
            if connection.execute(gone).rowcount < _AT_ONCE:
                done = sa.delete(doomed_streams).where(doomed_streams.c.stream_id == stream)
                connection.execute(done)
        return True

    def _expired(self) -> bool:
        """Some blocks of groups, all of whose events are too old; whether there were any."""
        query = sa.select(log_groups.c.id, log_groups.c.retention_days).where(
            log_groups.c.retention_days.is_not(None)
        )
        with self._database.read() as connection:
            groups = connection.execute(query).all()
        # Not `any`: each group is to lose some.
        return sum([self._expire(group.id, group.retention_days) for group in groups]) > 0

    def _expire(self, group: int, days: int) -> int:
        block = log_blocks.c
        over = sa.select(block.id, block.size).where(
            block.group_id == group, block.last < self._clock() - days * _DAY
        )
        with self._database.read() as connection:
            rows = connection.execute(over.order_by(block.last).limit(_AT_ONCE)).all()
        if not rows:
            return 0
        with self._database.write() as connection:
            connection.execute(sa.delete(log_blocks).where(block.id.in_([r.id for r in rows])))
            less = log_groups.c.stored_bytes - sum(row.size for row in rows)
            update = sa.update(log_groups).where(log_groups.c.id == group)
            connection.execute(update.values(stored_bytes=sa.func.max(0, less)))
        return len(rows)
