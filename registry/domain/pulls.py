"""When images were pulled last: noted in memory, written in batches.

Every write to the database empties all caches (`database.Cache`), so it is not done for each
pull: what was noted is written every few seconds, and each image at most once a minute by each
worker. A crash loses the last minute of it; a stop writes everything.

Source: ECR API reference, ImageDetail: `lastRecordedPullTime`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import images

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.identities.identity import Identity
    from registry.domain.images import Image
    from registry.domain.repositories import Repository
    from registry.values.scope import Scope

SECONDS = 10.0
"""How often what is due is written."""
SPACING = timedelta(minutes=1)
"""Between two writes of one image."""


Tell = Callable[["Repository", "Image", "str | None"], None]
"""Told of a pull: of which repository and image, by which tag. Must be quick and never raise."""


def _now() -> datetime:
    return datetime.now(UTC)


def _nobody(_scope: Scope, _caller: Identity | None) -> bool:
    return False


class Pulls:
    """Notes and writes."""

    def __init__(
        self,
        database: Database,
        now: Callable[[], datetime] = _now,
        excluded: Callable[[Scope, Identity | None], bool] = _nobody,
        tell: Tell | None = None,
    ) -> None:
        """`excluded` tells whose pulls of a registry do not count; `tell` hears of all."""
        self._database = database
        self._now = now
        self._excluded = excluded
        self._tell = tell
        self._noted: dict[int, datetime] = {}
        self._written: dict[int, datetime] = {}
        self._writing = threading.Lock()

    def pulled(
        self,
        repository: Repository,
        image: Image,
        caller: Identity | None,
        tag: str | None = None,
    ) -> None:
        """Note that the caller has just got the image's manifest, if that counts. Never waits."""
        if self._tell is not None:
            self._tell(repository, image, tag)
        if not self._excluded(repository.scope, caller):
            self.record(image)

    def record(self, image: Image) -> None:
        """Note that the image was pulled by somebody who counts. Never waits."""
        self._noted[image.id] = self._now()

    def flush(self, *, everything: bool = False) -> int:
        """Write what is due, or all of it; how many images that were.

        Raises Unavailable; then nothing is forgotten.
        """
        with self._writing:
            due = self._due(everything=everything)
            if not due:
                return 0
            with self._database.write() as connection:
                for image_id, moment in due.items():
                    connection.execute(_pulled(image_id, moment))
            for image_id, moment in due.items():
                self._written[image_id] = self._now()
                if self._noted.get(image_id) == moment:
                    del self._noted[image_id]
            return len(due)

    def _due(self, *, everything: bool) -> dict[int, datetime]:
        before = self._now() - SPACING
        self._written = {each: moment for each, moment in self._written.items() if moment > before}
        noted = self._noted.copy()
        if everything:
            return noted
        return {each: moment for each, moment in noted.items() if each not in self._written}


def _pulled(image_id: int, moment: datetime) -> sa.Update:
    """Another worker may have written a later time; an image that is gone is no error."""
    later = sa.or_(images.c.pulled_at.is_(None), images.c.pulled_at < moment)
    return sa.update(images).where(images.c.id == image_id, later).values(pulled_at=moment)
