"""Images that are scanned without a push: again when the scanner's database is a newer one,
and for the first time where the rules of the registry came later than the image.

Source: ECR User Guide, "Enhanced scanning": CONTINUOUS_SCAN.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import image_children, images, repositories, scans
from registry.domain.repositories import Repository, by_id
from registry.domain.scanning.requests import CONFIGS, configuration, request
from registry.domain.scanning.rules import CONTINUOUS, frequency
from registry.domain.shadows import RESTING
from registry.domain.tasks import now
from registry.values.manifest import INDEXES
from registry.values.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry.database.database import Database

_STEP = 200
"""Images in one transaction."""


class Rescans:
    """Lets images be scanned."""

    def __init__(
        self,
        database: Database,
        *,
        duration: timedelta | None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """`duration` is for how long after its push an image is scanned; None: for ever."""
        self._database = database
        self._duration = duration
        self._clock = clock

    def outdated(self, made: datetime, stop: Callable[[], bool]) -> int:
        """Those whose last scan was before the database of that time; how many."""
        older = sa.or_(scans.c.database_at.is_(None), scans.c.database_at < made)
        plain = ~sa.exists().where(image_children.c.image_id == images.c.id)
        query = (
            sa.select(images.c.id)
            .join(scans, scans.c.image_id == images.c.id)
            .where(older, plain, scans.c.due_at.is_(None), scans.c.scanner.isnot(None))
        )
        return self._request(query, "rescan", stop)

    def unscanned(self, stop: Callable[[], bool]) -> int:
        """Those that never were to be scanned before; how many."""
        kinds = sa.or_(
            images.c.artifact_type.in_(CONFIGS),
            sa.and_(images.c.media_type.in_(INDEXES), images.c.artifact_type.is_(None)),
        )
        never = ~sa.exists().where(scans.c.image_id == images.c.id)
        return self._request(sa.select(images.c.id).where(kinds, never), "push", stop)

    def again(self) -> int:
        """Those that failed for want of a scanner; how many."""
        moment = self._clock()
        values = {"due_at": moment, "attempts": 0, "missing": False}
        waiting = sa.update(scans).where(scans.c.missing.is_(True), scans.c.due_at.is_(None))
        with self._database.write() as connection:
            return connection.execute(waiting.values(**values)).rowcount

    def _request(self, query: sa.Select[Any], cause: Any, stop: Callable[[], bool]) -> int:
        count = 0
        for repository in self._continuous():
            mine = query.where(images.c.repository_id == repository.id, *self._young())
            mine = mine.where(images.c.status == "ACTIVE").order_by(images.c.id).limit(_STEP)
            while not stop():
                with self._database.write() as connection:
                    found = list(connection.execute(mine).scalars())
                    for image_id in found:
                        request(connection, image_id, cause, self._clock())
                count += len(found)
                if len(found) < _STEP:
                    break
        return count

    def _young(self) -> tuple[sa.ColumnElement[bool], ...]:
        if self._duration is None:
            return ()
        return (images.c.pushed_at > self._clock() - self._duration,)

    def _continuous(self) -> Iterator[Repository]:
        """The repositories whose images are scanned continuously."""
        scopes = sa.select(repositories.c.account, repositories.c.region).distinct()
        with self._database.read() as connection:
            living = connection.execute(scopes.where(repositories.c.account != RESTING)).all()
            settings = {
                scope: found
                for scope in (Scope(*row) for row in living)
                if (found := configuration(connection, scope)).enhanced
            }
            ids = [row.id for scope in settings for row in connection.execute(_ids(scope))]
        for number in ids:
            with self._database.read() as connection:
                repository = by_id(connection, number)
            if repository is None or repository.scope not in settings:
                continue
            if frequency(settings[repository.scope], repository) == CONTINUOUS:
                yield repository


def eligible(pushed_at: datetime, duration: timedelta | None, moment: datetime) -> bool:
    """Whether an image of that age is still scanned continuously."""
    return duration is None or pushed_at > moment - duration


def _ids(scope: Scope) -> sa.Select[Any]:
    mine = (repositories.c.account == scope.account, repositories.c.region == scope.region)
    return sa.select(repositories.c.id).where(*mine).order_by(repositories.c.id)
