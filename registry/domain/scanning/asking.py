"""Scans that somebody asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database.schema import images, scans
from registry.domain.scanning.requests import request
from registry.domain.scanning.scans import ScanState, state_of, state_query
from registry.domain.tasks import now
from registry.values.errors import ImageNotFound

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from registry.database.database import Database
    from registry.domain.images import Image


class Asking:
    """Asks."""

    def __init__(self, database: Database, daily: int, clock: Callable[[], datetime] = now) -> None:
        """`daily` is how many scans of an image there may be in 24 hours; 0: any number."""
        self._database = database
        self._daily = daily
        self._clock = clock

    def start(self, image: Image) -> ScanState:
        """Let the image be scanned; one whose scan goes on already is left alone.

        Raises ImageNotFound, LimitExceeded.
        """
        there = sa.select(images.c.id).where(images.c.id == image.id)
        with self._database.write() as connection:
            if connection.execute(there).first() is None:
                raise ImageNotFound(f"the image {image.digest} was deleted in the meantime")
            request(connection, image.id, "manual", self._clock(), daily=self._daily)
            query = state_query().where(scans.c.image_id == image.id)
            return state_of(connection.execute(query).one())
