"""Taking events in.

Source: CloudWatch Logs API reference, PutLogEvents (the bounds of a batch; which events are
rejected while the rest is kept; sequence tokens are ignored).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.domain.logs.blocks import EVENT_OVERHEAD, Block, Event, blocks_of, seal
from registry.domain.logs.errors import GroupNotFound, StreamNotFound
from registry.domain.logs.groups import Group, now
from registry.domain.logs.tables import log_blocks, log_groups, log_streams
from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.logs.keys import GroupKeys
    from registry.domain.logs.streams import Stream

BATCH_MAX = 1_048_576
"""Bytes of one batch, each event with its overhead."""
EVENT_MAX = BATCH_MAX
"""Bytes of one event, with its overhead."""
_FUTURE = 2 * 3_600_000
_PAST = 14 * 86_400_000
_SPAN = 86_400_000


@dataclass(frozen=True, slots=True)
class Rejected:
    """Which events of a batch were not kept: ends are exclusive, as the API has them."""

    too_new_start: int | None = None
    too_old_end: int | None = None
    expired_end: int | None = None

    def __bool__(self) -> bool:
        """Whether there are any."""
        return self != _NOTHING


_NOTHING = Rejected()


class Writing:
    """Puts batches of events into streams."""

    def __init__(self, database: Database, keys: GroupKeys, clock: Callable[[], int] = now) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock

    def put(self, group: Group, stream: Stream, events: Sequence[Event]) -> Rejected:
        """Keep a batch; durable when it returns.

        Raises ParameterInvalid for a batch out of bounds, GroupNotFound, StreamNotFound,
        KeyNotFound, KeyUnavailable.
        """
        _check(events)
        moment = self._clock()
        rejected = _rejected(group, events, moment)
        begin = max(rejected.too_old_end or 0, rejected.expired_end or 0)
        kept = events[begin : rejected.too_new_start]
        if kept:
            if kept[-1].timestamp - kept[0].timestamp > _SPAN:
                raise ParameterInvalid(
                    "The batch of log events in a single PutLogEvents request cannot span more"
                    " than 24 hours."
                )
            self._store(group, stream, kept, moment)
        return rejected

    def _store(self, group: Group, stream: Stream, events: Sequence[Event], moment: int) -> None:
        cipher = self._keys.cipher(group.key, stream.id)
        blocks = list(blocks_of(events))
        rows = [
            {
                "group_id": group.id,
                "stream_id": stream.id,
                "first": block.first,
                "last": block.last,
                "size": block.size,
                "ingested": moment,
                "payload": seal(cipher, stream.id, block),
            }
            for block in blocks
        ]
        with self._database.write() as connection:
            self._count(connection, group, stream, blocks, moment)
            connection.execute(sa.insert(log_blocks), rows)

    def _count(
        self,
        connection: sa.Connection,
        group: Group,
        stream: Stream,
        blocks: Sequence[Block],
        moment: int,
    ) -> None:
        first, last = blocks[0].first, blocks[-1].last
        table = log_streams.c
        update = sa.update(log_streams).where(table.id == stream.id)
        seen = {
            "first_event": sa.func.min(sa.func.coalesce(table.first_event, first), first),
            "last_event": sa.func.max(sa.func.coalesce(table.last_event, last), last),
            "last_ingestion": moment,
        }
        size = sum(block.size for block in blocks)
        more = {"stored_bytes": log_groups.c.stored_bytes + size}
        grown = sa.update(log_groups).where(log_groups.c.id == group.id).values(more)
        if connection.execute(grown).rowcount == 0:
            raise GroupNotFound
        if connection.execute(update.values(seen)).rowcount == 0:
            raise StreamNotFound


def _check(events: Sequence[Event]) -> None:
    total, before = 0, 0
    for event in events:
        if event.timestamp < before:
            raise ParameterInvalid(
                "Log events in a single PutLogEvents request must be in chronological order."
            )
        before = event.timestamp
        size = event.size
        if size > EVENT_MAX:
            raise ParameterInvalid(
                f"Log event too large: {size} bytes exceeds limit of {EVENT_MAX}"
                f" (a message and {EVENT_OVERHEAD} bytes more)"
            )
        total += size
    if total > BATCH_MAX:
        raise ParameterInvalid(f"Upload too large: {total} bytes exceeds limit of {BATCH_MAX}")


def _rejected(group: Group, events: Sequence[Event], moment: int) -> Rejected:
    """Events are in the order of time: what is too old stands first, what is too new last."""
    oldest = group.oldest(moment)
    old = sum(event.timestamp < moment - _PAST for event in events)
    expired = sum(event.timestamp < oldest for event in events)
    new = sum(event.timestamp > moment + _FUTURE for event in events)
    return Rejected(len(events) - new if new else None, old or None, expired or None)
