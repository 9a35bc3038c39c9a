"""Previews: what a run of a policy would do, worked out beside the requests and kept for a day.

A preview that a crash cut short is still to be done, and is begun anew.

Source: ECR API reference, StartLifecyclePolicyPreview and GetLifecyclePolicyPreview.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from registry.database.schema import lifecycle_preview_results as results
from registry.database.schema import lifecycle_previews as previews
from registry.domain.lifecycle.weighing import freed_bytes
from registry.domain.tasks import Task, now
from registry.values.errors import Unavailable
from registry.values.expiring import LifecyclePreviewInProgress, LifecyclePreviewNotFound

if TYPE_CHECKING:
    from registry.database.database import Database
    from registry.domain.lifecycle.evaluation import Selection
    from registry.domain.lifecycle.runs import Runs
    from registry.domain.repositories import Repository

IN_PROGRESS, COMPLETE, EXPIRED, FAILED = "IN_PROGRESS", "COMPLETE", "EXPIRED", "FAILED"
LASTING = timedelta(days=1)
"""How long a preview can be read."""
_BATCH = 500
"""Results in one transaction."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A preview, as stored."""

    id: int
    document: str
    status: str
    started_at: datetime
    expiring: int
    archiving: int
    freed: int
    """Bytes that nothing would need any more."""


@dataclass(frozen=True, slots=True)
class Result:
    """What would become of one image."""

    number: int
    digest: str
    tags: tuple[str, ...]
    pushed_at: datetime
    storage: str
    expires: bool
    """Else it would move to the archive."""
    priority: int


class Previews:
    """Start, work out, read."""

    def __init__(self, database: Database, runs: Runs, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._runs = runs
        self._clock = clock
        self._task = Task(database, "lifecycle previews")

    def start(self, repository: Repository, document: str) -> None:
        """Ask for one, in place of the last. Raises LifecyclePreviewInProgress, Vanished."""
        with self._database.write() as connection:
            old = connection.execute(_of(repository.id)).first()
            if old is not None and old.status == IN_PROGRESS:
                raise LifecyclePreviewInProgress(
                    "The lifecycle policy preview for the repository with name"
                    f" '{repository.name}' in the registry with id"
                    f" '{repository.scope.account}' is in progress"
                )
            connection.execute(sa.delete(previews).where(previews.c.repository_id == repository.id))
            row = {"status": IN_PROGRESS, "started_at": self._clock(), "document": document}
            none = {"expiring": 0, "archiving": 0, "freed": 0}
            connection.execute(
                sa.insert(previews).values(repository_id=repository.id, **row, **none)
            )

    def get(self, repository: Repository) -> Preview:
        """The last one. Raises LifecyclePreviewNotFound."""
        with self._database.read() as connection:
            row = connection.execute(_of(repository.id)).first()
        if row is None:
            raise LifecyclePreviewNotFound(
                "Lifecycle policy preview does not exist for the repository with name"
                f" '{repository.name}' in the registry with id '{repository.scope.account}'"
            )
        over = row.status == COMPLETE and row.started_at + LASTING <= self._clock()
        return Preview(
            id=row.id,
            document=row.document,
            status=EXPIRED if over else row.status,
            started_at=row.started_at,
            expiring=row.expiring,
            archiving=row.archiving,
            freed=row.freed,
        )

    def page(
        self, preview: Preview, after: int, limit: int, *, tagged: bool | None = None
    ) -> list[Result]:
        """At most `limit` results of a complete preview, behind the number `after`.

        `tagged` keeps those with a tag, or those without one.
        """
        if preview.status != COMPLETE:
            return []
        query = _results(preview).where(results.c.number > after).limit(limit)
        if tagged is not None:
            count = sa.func.json_array_length(results.c.tags)
            query = query.where(count > 0 if tagged else count == 0)
        with self._database.read() as connection:
            return [_result(row) for row in connection.execute(query)]

    def of_digests(self, preview: Preview, digests: Sequence[str]) -> list[Result]:
        """The results of a complete preview that are about these images."""
        if preview.status != COMPLETE:
            return []
        query = _results(preview).where(results.c.digest.in_(digests))
        with self._database.read() as connection:
            return [_result(row) for row in connection.execute(query)]

    def run(self, stop: threading.Event) -> int:
        """Work out all that were asked for; how many. Nothing while another process does."""
        if self._next() is None or not self._task.take():
            return 0
        count = 0
        try:
            while not stop.is_set() and (asked := self._next()) is not None:
                self._work_out(asked)
                count += 1
                if not self._task.renew():
                    break
        finally:
            self._task.release(finished=True)
        return count

    def _next(self) -> sa.Row[Any] | None:
        query = sa.select(previews).where(previews.c.status == IN_PROGRESS).order_by(previews.c.id)
        with self._database.read() as connection:
            return connection.execute(query.limit(1)).first()

    def _work_out(self, asked: sa.Row[Any]) -> None:
        try:
            selections, _ = self._runs.select(asked.repository_id, asked.document)
            expiring = [each.image.id for each in selections if each.expires]
            with self._database.read() as connection:
                freed = freed_bytes(connection, asked.repository_id, expiring)
            self._keep(asked.id, selections)
        except Unavailable:
            raise
        except Exception:
            self._end(asked.id, status=FAILED)
            raise
        moving = len(selections) - len(expiring)
        self._end(asked.id, status=COMPLETE, expiring=len(expiring), archiving=moving, freed=freed)

    def _keep(self, preview_id: int, selections: Sequence[Selection]) -> None:
        with self._database.write() as connection:  # of a try that was cut short
            mine = results.c.lifecycle_preview_id == preview_id
            connection.execute(sa.delete(results).where(mine))
        for at in range(0, len(selections), _BATCH):
            rows = [
                _row(preview_id, number, each)
                for number, each in enumerate(selections[at : at + _BATCH], at + 1)
            ]
            with self._database.write() as connection:
                known = sa.select(previews.c.id).where(previews.c.id == preview_id)
                if connection.execute(known).first() is None:
                    return  # its repository was deleted
                connection.execute(sa.insert(results), rows)

    def _end(self, preview_id: int, **values: Any) -> None:
        with self._database.write() as connection:
            mine = previews.c.id == preview_id
            connection.execute(sa.update(previews).where(mine).values(**values))


def _row(preview_id: int, number: int, selection: Selection) -> dict[str, Any]:
    image = selection.image
    return {
        "lifecycle_preview_id": preview_id,
        "number": number,
        "digest": image.digest,
        "tags": list(image.tags),
        "pushed_at": datetime.fromtimestamp(image.pushed / 1_000_000, UTC),
        "storage": image.storage,
        "expires": selection.expires,
        "priority": selection.priority,
    }


def _of(repository_id: int) -> sa.Select[Any]:
    return sa.select(previews).where(previews.c.repository_id == repository_id)


def _results(preview: Preview) -> sa.Select[Any]:
    mine = results.c.lifecycle_preview_id == preview.id
    return sa.select(results).where(mine).order_by(results.c.number)


def _result(row: sa.Row[Any]) -> Result:
    return Result(
        number=row.number,
        digest=row.digest,
        tags=tuple(row.tags),
        pushed_at=row.pushed_at,
        storage=row.storage,
        expires=row.expires,
        priority=row.priority,
    )
