"""How far the output of a container was carried, to the entry."""

from __future__ import annotations

from typing import NamedTuple

from registry.ecs.agent.shipping.entries import Entry


class Mark(NamedTuple):
    """A place behind an entry: so many entries of that very time are before it."""

    at: str
    same: int


class Reading:
    """Marks the entries of each source as they are read; knows those that were read before."""

    def __init__(self, marks: dict[str, Mark]) -> None:
        """`marks` are the places up to which everything was carried, by source."""
        self._marks = dict(marks)
        self._again: dict[str, int] = {}

    @property
    def since(self) -> str | None:
        """The earliest time from which the engine is to tell; None: from the beginning."""
        return min((mark.at for mark in self._marks.values()), default=None)

    def anew(self) -> None:
        """The engine tells once more, from `since` on."""
        self._again = dict.fromkeys(self._marks, 0)

    def mark(self, entry: Entry) -> Mark | None:
        """The place behind the entry; None for one that was read before."""
        before = self._marks.get(entry.source)
        if before is not None and entry.at < before.at:
            return None
        if before is not None and entry.at == before.at:
            if self._again.get(entry.source, before.same) < before.same:
                self._again[entry.source] += 1
                return None
            found = Mark(entry.at, before.same + 1)
            self._again.pop(entry.source, None)
        else:
            found = Mark(entry.at, 1)
            self._again.pop(entry.source, None)
        self._marks[entry.source] = found
        return found
