"""Entries as events: pieces of a line joined, lines of one event joined, what is too long cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from registry.ecs.agent.shipping.entries import Entry
from registry.ecs.agent.shipping.marks import Mark
from registry.ecs.agent.shipping.multiline import LOOKED_AT, Begins

EVENT_MAX = 262_144 - 26
"""Bytes of an event's message (the driver's own bound)."""
_CONTINUES = 0x80
_LEAD = 0xC0


class Event(NamedTuple):
    """What is to be sent."""

    timestamp: int
    """Milliseconds since 1970 UTC."""
    message: str
    source: str
    mark: Mark | None
    """The place behind it; None for what is not the last of its line."""


@dataclass(slots=True)
class _Open:
    """What has come of an event that may go on."""

    timestamp: int
    since: float
    text: bytearray = field(default_factory=bytearray)
    mark: Mark | None = None
    line_ended: bool = True
    line_at: str = ""


class Joiner:
    """Makes events of the entries of one container; each source by itself."""

    def __init__(self, begins: Begins | None) -> None:
        self._begins = begins
        self._open: dict[str, _Open] = {}

    def feed(self, entry: Entry, mark: Mark, now: float) -> Iterator[Event]:
        """The events that are complete once this entry has come; `now` is any steady clock."""
        current = self._open.get(entry.source)
        if current is not None and self._ends(current, entry):
            yield from self._close(entry.source)
            current = None
        if current is None:
            current = self._open[entry.source] = _Open(entry.milliseconds, now)
        current.text += entry.text
        current.mark, current.line_ended, current.line_at = mark, entry.ends, entry.at
        if entry.ends and self._begins is not None:
            current.text += b"\n"
        if len(current.text) > EVENT_MAX:
            yield from self._cut(entry.source, current)
        if entry.ends and self._begins is None:
            yield from self._close(entry.source)

    def flush(self, older_than: float) -> Iterator[Event]:
        """Events that have waited for more lines since then, whether they are complete or not.

        A line whose end has not come yet goes on waiting.
        """
        for source, current in list(self._open.items()):
            if current.line_ended and current.since <= older_than:
                yield from self._close(source)

    def end(self) -> Iterator[Event]:
        """Everything that is left: no more will come."""
        for source in list(self._open):
            yield from self._close(source)

    def _ends(self, current: _Open, entry: Entry) -> bool:
        """Whether an event ends before an entry."""
        if not current.line_ended:
            # All pieces of a line have the time of its first: one of another time is of another
            # line, as where a container ended within one and was started again.
            return entry.at != current.line_at
        if self._begins is None:
            return True
        return self._begins(entry.text[: 4 * LOOKED_AT].decode("utf-8", "replace"))

    def _cut(self, source: str, current: _Open) -> Iterator[Event]:
        while len(current.text) > EVENT_MAX:
            cut = EVENT_MAX
            while cut > EVENT_MAX - 4 and current.text[cut] & _LEAD == _CONTINUES:
                cut -= 1
            yield _event(current.timestamp, current.text[:cut], source, None)
            del current.text[:cut]

    def _close(self, source: str) -> Iterator[Event]:
        current = self._open.pop(source)
        yield _event(current.timestamp, current.text, source, current.mark)


def _event(timestamp: int, text: bytes | bytearray, source: str, mark: Mark | None) -> Event:
    return Event(timestamp, text.decode("utf-8", "replace"), source, mark)
