"""Pulls: when an image was pulled last, and the events of it. None that was answered is forgotten.

A pull is a line of the journal before its answer begins. Every write to the database empties all
caches (`database.Cache`), so pulls come there later and together: their events every second,
where somebody wants them, the times every few seconds, and each image at most once a minute by
each worker. What a killed process had not brought there is in its journal: a start, or another
worker, goes on with it.

Source: ECR API reference, ImageDetail: `lastRecordedPullTime`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import images
from registry.domain.pull_lines import PullLines, pulls_in

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.events.pulls import PullEvents
    from registry.domain.identities.identity import Identity
    from registry.domain.images import Image
    from registry.domain.journal import Journal, Page
    from registry.domain.repositories import Repository
    from registry.values.scope import Scope

SECONDS = 10.0
"""How often the times that are due are written."""
TELL_SECONDS = 1.0
"""How often events are written."""
SPACING = 60.0
"""Seconds between two writes of one image."""


def _nobody(_scope: Scope, _caller: Identity | None) -> bool:
    return False


class Pulls:
    """Notes pulls, and brings what was noted to the database."""

    def __init__(
        self,
        database: Database,
        journal: Journal,
        events: PullEvents,
        *,
        now: Callable[[], float] = time.time,
        excluded: Callable[[Scope, Identity | None], bool] = _nobody,
    ) -> None:
        """`excluded` tells whose pulls of a registry do not count; `events` hears of all."""
        self._database = database
        self._journal = journal
        self._events = events
        self._now = now
        self._excluded = excluded
        self._lines = PullLines()
        self._noted: dict[int, float] = {}
        self._written: dict[int, float] = {}
        self._lost = 0
        self._moving = threading.Lock()

    def pulled(
        self,
        repository: Repository,
        image: Image,
        caller: Identity | None,
        tag: str | None = None,
    ) -> None:
        """Write that the caller is about to get the image's manifest. Raises nothing."""
        counts = not self._excluded(repository.scope, caller)
        line = self._lines.line(repository, image, tag, self._now(), counts=counts)
        self._journal.write(line)

    def tell(self) -> int:
        """Write the events of what was pulled since the last time; how many pulls were lost.

        Raises Unavailable; then nothing is forgotten.
        """
        with self._moving:
            self._gather()
            lost, self._lost = self._lost, 0
            return lost

    def flush(self, *, everything: bool = False) -> int:
        """Write events and the times that are due, or all; of how many images that was.

        Raises Unavailable; then nothing is forgotten.
        """
        with self._moving:
            if everything:
                self._journal.turn()
            full = self._gather()
            count = self._write_times(everything=everything or bool(full))
            for page in full:
                self._journal.delete(page)
            self._events.forget({page.name for page in full})
            return count

    def recover(self) -> int:
        """Bring to the database what dead processes left; how many files they left.

        Raises Unavailable; then nothing is forgotten.
        """
        found = 0
        with self._moving, closing(self._journal.left()) as left:
            known = self._events.known()  # before the names: a page is there before its row
            self._events.forget(known - self._journal.names())
            for page in left:
                self._read(page)
                self._write_times(everything=True)
                page.delete()
                self._events.forget({page.name})
                found += 1
        return found

    def _gather(self) -> list[Page]:
        """Read what is new in this process's pages; those in which nothing new will be."""
        self._lost += self._journal.settle()
        full, written = self._journal.pages()
        for page in (*full, *([written] if written else [])):
            self._read(page)
        return full

    def _read(self, page: Page) -> None:
        while lines := page.unread():
            found = list(pulls_in(lines, page.read))
            for pull in found:
                if pull.counts:
                    self._noted[pull.image_id] = max(
                        pull.seconds, self._noted.get(pull.image_id, 0)
                    )
            self._events.tell(page.name, found)
            page.read += len(lines)

    def _write_times(self, *, everything: bool) -> int:
        due = self._due(everything=everything)
        if not due:
            return 0
        with self._database.write() as connection:
            for image_id, seconds in due.items():
                connection.execute(_pulled(image_id, seconds))
        now = self._now()
        for image_id in due:
            self._written[image_id] = now
            del self._noted[image_id]
        return len(due)

    def _due(self, *, everything: bool) -> dict[int, float]:
        before = self._now() - SPACING
        self._written = {each: moment for each, moment in self._written.items() if moment > before}
        if everything:
            return self._noted.copy()
        return {each: moment for each, moment in self._noted.items() if each not in self._written}


def _pulled(image_id: int, seconds: float) -> sa.Update:
    """Another worker may have written a later time; an image that is gone is no error."""
    moment = datetime.fromtimestamp(seconds, UTC)
    later = sa.or_(images.c.pulled_at.is_(None), images.c.pulled_at < moment)
    return sa.update(images).where(images.c.id == image_id, later).values(pulled_at=moment)
