"""Giving events out, in the order of time, a page at a time.

The blocks of a stream, and of several streams the more so, overlap in time. They are walked in
the order of their beginnings (backward: of their ends), and the events of those that are open are
merged: an event is given out when no block to come can have an earlier one. Only the blocks that
overlap at one moment are held at a time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from registry.domain.logs.blocks import EVENT_OVERHEAD, SPAN, size_of, unseal
from registry.domain.logs.groups import Group, now
from registry.domain.logs.positions import LAST, TIME_MAX, position, timestamp_of
from registry.domain.logs.tables import log_blocks, log_streams

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.logs.keys import GroupKeys

EVENTS_MAX = 10_000
"""Events in a page."""
PAGE_MAX = 1_048_576
"""Bytes of a page, each event with its overhead."""
SCANNED_MAX = 16 * 1024 * 1024
"""Bytes of events that one request looks through: then its page ends, however few were found."""
_AT_ONCE = 32
"""Rows that are read ahead."""


class Found(NamedTuple):
    """One event, where it stands."""

    position: int
    stream: str
    timestamp: int
    message: str
    ingested: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events of a group."""

    start: int = 0
    """The earliest timestamp."""
    end: int = TIME_MAX
    """The latest one."""
    above: int = -1
    """Positions after this one."""
    below: int = LAST
    """Positions before this one."""
    stream_ids: Sequence[int] | None = None
    """Of these streams alone."""
    prefix: str = ""
    """Of streams whose names begin so."""
    backward: bool = False
    """From the latest to the earliest."""
    limit: int = EVENTS_MAX

    @property
    def bounds(self) -> tuple[int, int]:
        """The first and the last timestamp that can be in it."""
        first = max(self.start, timestamp_of(max(0, self.above)))
        return min(first, TIME_MAX), min(self.end, timestamp_of(self.below))

    def beyond(self, number: int) -> Wanted:
        """Those of them behind a position, in the direction of this."""
        return replace(self, below=number) if self.backward else replace(self, above=number)

    def has(self, number: int) -> bool:
        """Whether a position is in it."""
        return self.above < number < self.below and self.start <= timestamp_of(number) <= self.end


@dataclass(frozen=True, slots=True)
class Page:
    """What was found, and how far was looked."""

    events: Sequence[Found]
    """In the order in which they were asked for."""
    reached: int | None
    """The position up to which everything was looked at; None: there is no more."""


class Reading:
    """Reads pages."""

    def __init__(self, database: Database, keys: GroupKeys, clock: Callable[[], int] = now) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock

    def page(
        self, group: Group, wanted: Wanted, matches: Callable[[str], bool] | None = None
    ) -> Page:
        """The next events whose messages match. Raises KeyNotFound, KeyUnavailable, Damaged."""
        found: list[Found] = []
        size = scanned = 0
        with self._database.read() as connection:
            for run in self._runs(connection, group, wanted, matches):
                for event in run.events:
                    weight = size_of(event.message) + EVENT_OVERHEAD
                    if len(found) == wanted.limit or (found and size + weight > PAGE_MAX):
                        return Page(found, found[-1].position)
                    found.append(event)
                    size += weight
                scanned += run.size
                if scanned > SCANNED_MAX and run.reached is not None:
                    return Page(found, run.reached)
        return Page(found, None)

    def _runs(
        self,
        connection: sa.Connection,
        group: Group,
        wanted: Wanted,
        matches: Callable[[str], bool] | None,
    ) -> Iterator[_Run]:
        oldest = group.oldest(self._clock())
        query = _query(group, wanted, oldest)
        sign = -1 if wanted.backward else 1
        waiting: list[Found] = []

        def place(event: Found) -> int:
            return sign * event.position

        for row in connection.execution_options(yield_per=_AT_ONCE).execute(query):
            ends = (row.last, row.id + 1) if wanted.backward else (row.first, row.id)
            edge = position(*ends)
            cut = bisect_left(waiting, sign * edge, key=place)
            yield _Run(waiting[:cut], edge - sign, row.size)
            opened = self._opened(group, row, matches)
            kept = [each for each in opened if each[2] >= oldest and wanted.has(each[0])]
            waiting = sorted(waiting[cut:] + kept, key=place)
        yield _Run(waiting, None, 0)

    def _opened(
        self, group: Group, row: sa.Row[Any], matches: Callable[[str], bool] | None
    ) -> Iterator[Found]:
        cipher = self._keys.cipher(group.key, row.stream_id)
        number, stream, ingested = row.id, row.stream, row.ingested
        found = unseal(cipher, row.stream_id, row.first, row.last, row.payload)
        for index, (timestamp, message) in enumerate(zip(*found, strict=True)):
            if matches is None or matches(message):
                place = position(timestamp, number, index)
                yield Found(place, stream, timestamp, message, ingested)


class _Run(NamedTuple):
    """Events that no block to come can have one before."""

    events: list[Found]
    reached: int | None
    """The position up to which, with them, everything was looked at; None: to the end."""
    size: int
    """Bytes of the block that is opened next."""


def _query(group: Group, wanted: Wanted, oldest: int) -> sa.Select[Any]:
    """The blocks that can have such events, in the order in which they are to be opened."""
    first, last = wanted.bounds
    first = max(first, oldest)
    block = log_blocks.c
    of_name = sa.select(log_streams.c.name).where(log_streams.c.id == block.stream_id)
    query = sa.select(
        *(block.id, block.stream_id, block.first, block.last, block.ingested),
        *(block.size, block.payload),
        of_name.scalar_subquery().label("stream"),
    )
    query = query.where(block.first <= last, block.last >= first)
    if wanted.backward:
        query = query.where(block.last <= last + SPAN)
        query = query.order_by(block.last.desc(), block.id.desc())
    else:
        query = query.where(block.first >= first - SPAN).order_by(block.first, block.id)
    if wanted.stream_ids is not None and len(wanted.stream_ids) == 1:
        return query.where(block.stream_id == wanted.stream_ids[0])
    # A sum has no index: the order of the group's is the one to follow.
    stream = block.stream_id + 0
    query = query.where(block.group_id == group.id)
    if wanted.stream_ids is not None:
        return query.where(stream.in_(wanted.stream_ids))
    streams = sa.select(log_streams.c.id).where(log_streams.c.group_id == group.id)
    if wanted.prefix:
        name = log_streams.c.name
        streams = streams.where(sa.func.substr(name, 1, len(wanted.prefix)) == wanted.prefix)
        streams = streams.where(name >= wanted.prefix)
    return query.where(stream.in_(streams))
